using ExactlyOnce.Confluent.Consuming;

namespace ExactlyOnce.Confluent;

using global::Confluent.Kafka;

/// <summary>
/// Builds Confluent.Kafka's <see cref="IConsumer{TKey, TValue}"/> over a broker in this process. It is a <see cref="ConsumerBuilder{TKey, TValue}"/>: handlers
/// and deserializers are set as on the real one.
/// <code>
/// using var consumer = new InProcessConsumerBuilder&lt;string, string&gt;(broker, new ConsumerConfig { GroupId = "mailer" }).Build();
/// </code>
/// </summary>
/// <typeparam name="TKey">The key's type.</typeparam>
/// <typeparam name="TValue">The value's type.</typeparam>
/// <param name="broker">The broker, which outlives the consumer.</param>
/// <param name="config">The configuration as the real client is given it. Addresses and tuning have no meaning in process and are ignored.</param>
public class InProcessConsumerBuilder<TKey, TValue>(Broker broker, IEnumerable<KeyValuePair<string, string>> config) : ConsumerBuilder<TKey, TValue>(config)
{
    private readonly Broker _broker = broker ?? throw new ArgumentNullException(nameof(broker));

    /// <inheritdoc/>
    public override IConsumer<TKey, TValue> Build()
    {
        if (AsyncKeyDeserializerBuilder is not null || AsyncValueDeserializerBuilder is not null)
            throw new NotSupportedException("Asynchronous deserializers are not supported in process: wrap them with AsSyncOverAsync() and set them with SetValueDeserializer.");
        return new InProcessConsumer<TKey, TValue>(
            _broker,
            new ConsumerSettings(Config),
            new FieldReader<TKey>(KeyDeserializer ?? KeyDeserializerBuilder?.Build(Config, isKey: true), MessageComponentType.Key),
            new FieldReader<TValue>(ValueDeserializer ?? ValueDeserializerBuilder?.Build(Config, isKey: false), MessageComponentType.Value),
            new RebalanceHandlers<TKey, TValue>(PartitionsAssignedHandler, PartitionsRevokedHandler, PartitionsLostHandler, OffsetsCommittedHandler, ErrorHandler));
    }
}
