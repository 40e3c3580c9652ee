using System.Collections.Frozen;

namespace ExactlyOnce.Confluent.Producing;

using global::Confluent.Kafka;

/// <summary>Serializes keys or values as Confluent.Kafka does: by the serializer that was set, else by the default one of the type.</summary>
internal sealed class FieldWriter<T>
{
    private static readonly FrozenDictionary<Type, object> s_defaults = new Dictionary<Type, object>
    {
        [typeof(Null)] = Serializers.Null,
        [typeof(int)] = Serializers.Int32,
        [typeof(long)] = Serializers.Int64,
        [typeof(string)] = Serializers.Utf8,
        [typeof(float)] = Serializers.Single,
        [typeof(double)] = Serializers.Double,
        [typeof(byte[])] = Serializers.ByteArray,
    }.ToFrozenDictionary();

    private readonly ISerializer<T>? _serializer;
    private readonly IAsyncSerializer<T>? _asyncSerializer;
    private readonly MessageComponentType _component;

    public FieldWriter(ISerializer<T>? serializer, IAsyncSerializer<T>? asyncSerializer, MessageComponentType component)
    {
        _component = component;
        _asyncSerializer = asyncSerializer;
        _serializer = serializer ?? (asyncSerializer is null ? (ISerializer<T>?)s_defaults.GetValueOrDefault(typeof(T)) : null);
        if (_serializer is null && asyncSerializer is null)
            throw new ArgumentNullException($"{component} serializer not specified and there is no default serializer defined for type {typeof(T).Name}.");
    }

    public byte[]? Write(T field, string topic, Headers headers) => _serializer is not null
        ? _serializer.Serialize(field, new SerializationContext(_component, topic, headers))
        : throw new InvalidOperationException($"Produce called with an IAsyncSerializer {_component} serializer configured but an ISerializer is required: use ProduceAsync.");

    public async ValueTask<byte[]?> WriteAsync(T field, string topic, Headers headers) => _asyncSerializer is not null
        ? await _asyncSerializer.SerializeAsync(field, new SerializationContext(_component, topic, headers)).ConfigureAwait(false)
        : Write(field, topic, headers);
}
