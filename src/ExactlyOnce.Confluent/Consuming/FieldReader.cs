using System.Collections.Frozen;

namespace ExactlyOnce.Confluent.Consuming;

using global::Confluent.Kafka;

/// <summary>Deserializes keys or values as Confluent.Kafka does: by the deserializer that was set, else by the default one of the type.</summary>
internal sealed class FieldReader<T>
{
    private static readonly FrozenDictionary<Type, object> s_defaults = new Dictionary<Type, object>
    {
        [typeof(Null)] = Deserializers.Null,
        [typeof(Ignore)] = Deserializers.Ignore,
        [typeof(int)] = Deserializers.Int32,
        [typeof(long)] = Deserializers.Int64,
        [typeof(string)] = Deserializers.Utf8,
        [typeof(float)] = Deserializers.Single,
        [typeof(double)] = Deserializers.Double,
        [typeof(byte[])] = Deserializers.ByteArray,
    }.ToFrozenDictionary();

    private readonly IDeserializer<T> _deserializer;
    private readonly MessageComponentType _component;

    public FieldReader(IDeserializer<T>? deserializer, MessageComponentType component)
    {
        _component = component;
        _deserializer = deserializer ?? (IDeserializer<T>?)s_defaults.GetValueOrDefault(typeof(T))
            ?? throw new InvalidOperationException($"{component} deserializer was not specified and there is no default deserializer defined for type {typeof(T).Name}.");
    }

    public T Read(byte[]? field, string topic, Headers headers) => _deserializer.Deserialize(field, field is null, new SerializationContext(_component, topic, headers));
}
