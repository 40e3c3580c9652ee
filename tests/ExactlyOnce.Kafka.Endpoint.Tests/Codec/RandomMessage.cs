using System.Reflection;
using ExactlyOnce.Kafka.Endpoint.Codec;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Codec;

/// <summary>Fills any message with random fields, by reflection, so that an API is tested by being registered.</summary>
internal sealed class RandomMessage(int seed)
{
    private readonly Random _random = new(seed);
    private readonly NullabilityInfoContext _nullability = new();

    public IMessage Fill(IMessage message)
    {
        foreach (var field in message.GetType().GetFields(BindingFlags.Instance | BindingFlags.Public))
            field.SetValue(message, ValueOf(field));
        return message;
    }

    private object? ValueOf(FieldInfo field)
    {
        if (_nullability.Create(field).WriteState == NullabilityState.Nullable && _random.Next(3) == 0)
            return null;
        return ValueOf(field.FieldType);
    }

    private object ValueOf(Type type)
    {
        if (type == typeof(bool))
            return _random.Next(2) == 0;
        if (type == typeof(sbyte))
            return (sbyte)_random.Next(sbyte.MinValue, sbyte.MaxValue + 1);
        if (type == typeof(short))
            return (short)_random.Next(short.MinValue, short.MaxValue + 1);
        if (type == typeof(int))
            return _random.Next(int.MinValue, int.MaxValue);
        if (type == typeof(long))
            return _random.NextInt64(long.MinValue, long.MaxValue);
        if (type == typeof(KafkaError))
            return (KafkaError)_random.Next(-1, 134);
        if (type == typeof(Guid))
            return new Guid(Bytes(16));
        if (type == typeof(string))
            return new string((char)_random.Next('a', 'ÿ'), _random.Next(0, 200));
        if (type == typeof(byte[]))
            return Bytes(_random.Next(0, 300));
        if (type == typeof(RecordBytes))
            return _random.Next(4) == 0 ? default(RecordBytes) : new RecordBytes([Bytes(_random.Next(0, 300)), Bytes(_random.Next(0, 300))]);
        if (type.IsArray)
            return ArrayOf(type.GetElementType()!);
        return Fill((IMessage)Activator.CreateInstance(type)!);
    }

    private Array ArrayOf(Type element)
    {
        var array = Array.CreateInstance(element, _random.Next(0, 4));
        for (var i = 0; i < array.Length; i++)
            array.SetValue(ValueOf(element), i);
        return array;
    }

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }
}
