using System.Reflection;
using System.Text;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Torture.Fuzzing;

namespace ExactlyOnce.Torture.Wire;

/// <summary>Fills any request with values that this broker could have been sent, by reflection: what is damaged then comes far before it is refused.</summary>
internal sealed class PlausibleRequest(Guid topicId)
{
    /// <summary>The topics, groups and transactional ids that requests name.</summary>
    public const string Topic = "t";

    private static readonly string[] s_names = [Topic, Topic, Topic, "u", "g", "x", "", "new", "__consumer_offsets", "retention.ms", "cleanup.policy",
        "1000", "range", "uniform"];
    private static readonly long[] s_numbers = [-1, -1, 0, 0, 0, 1, 1, 2, 3, 100, 1000, 10_000];
    private static readonly byte[][] s_batches = [Batch(default, Sequence.None, 1), Batch(new ProducerIdentity(1, 0), 0, 3),
        Batch(new ProducerIdentity(2, 1), 5, 1)];
    private static readonly NullabilityInfoContext s_nullability = new();
    private static readonly Dictionary<Type, (FieldInfo Field, bool IsNullable)[]> s_fields = [];

    public IMessage Fill(IMessage message, ref FuzzRandom random)
    {
        foreach (var (field, isNullable) in FieldsOf(message.GetType()))
            field.SetValue(message, isNullable && random.OneIn(3) ? null : ValueOf(field.FieldType, field.Name, ref random));
        return message;
    }

    private object ValueOf(Type type, string name, ref FuzzRandom random)
    {
        if (type == typeof(string))
            return NameOf(name, ref random);
        if (type == typeof(bool))
            return random.OneIn(2);
        if (type == typeof(sbyte))
            return (sbyte)random.Below(4);
        if (type == typeof(short))
            return (short)Number(ref random);
        if (type == typeof(int))
            // Waits are short, sessions long enough to be accepted.
            return name.Contains("Wait", StringComparison.Ordinal) ? random.Below(5) : name.Contains("Timeout", StringComparison.Ordinal) ? 10_000
                : (int)Number(ref random);
        if (type == typeof(long))
            return Number(ref random);
        if (type == typeof(Guid))
            return random.OneIn(4) ? Guid.Empty : topicId;
        if (type == typeof(byte[]))
            return new byte[random.Below(20)];
        if (type == typeof(RecordBytes))
            return new RecordBytes(s_batches[random.Below(s_batches.Length)]);
        if (type.IsArray)
            return ArrayOf(type.GetElementType()!, name, ref random);
        return Fill((IMessage)Activator.CreateInstance(type)!, ref random);
    }

    private Array ArrayOf(Type element, string name, ref FuzzRandom random)
    {
        var array = Array.CreateInstance(element, random.OneIn(4) ? random.Below(4) : 1);
        for (var i = 0; i < array.Length; i++)
            array.SetValue(ValueOf(element, name, ref random), i);
        return array;
    }

    private static string NameOf(string field, ref FuzzRandom random) =>
        random.OneIn(4) ? s_names[random.Below(s_names.Length)]
        : field.Contains("Group", StringComparison.Ordinal) ? "g"
        : field.Contains("Transactional", StringComparison.Ordinal) ? "x"
        : field.Contains("Member", StringComparison.Ordinal) ? ""
        : field.Contains("Protocol", StringComparison.Ordinal) ? "consumer"
        : Topic;

    private static long Number(ref FuzzRandom random) => s_numbers[random.Below(s_numbers.Length)];

    private static (FieldInfo Field, bool IsNullable)[] FieldsOf(Type type)
    {
        lock (s_fields)
        {
            if (!s_fields.TryGetValue(type, out var fields))
                s_fields[type] = fields = [.. type.GetFields(BindingFlags.Instance | BindingFlags.Public)
                    .Select(field => (field, s_nullability.Create(field).WriteState == NullabilityState.Nullable))];
            return fields;
        }
    }

    private static byte[] Batch(ProducerIdentity producer, int sequence, int records)
    {
        var writer = new BatchWriter();
        for (var i = 0; i < records; i++)
            writer.TryAppend(1_700_000_000_000, default, false, Encoding.UTF8.GetBytes($"{i}"), true, null, int.MaxValue);
        writer.Seal(sequence == Sequence.None ? ProducerIdentity.None : producer, sequence, BatchAttributes.None, null);
        return writer.Bytes.ToArray();
    }
}
