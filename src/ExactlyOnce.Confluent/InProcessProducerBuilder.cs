using ExactlyOnce.Confluent.Producing;

namespace ExactlyOnce.Confluent;

// Within the namespace, so that names which both libraries have mean the client's.
using global::Confluent.Kafka;

/// <summary>
/// Builds Confluent.Kafka's <see cref="IProducer{TKey, TValue}"/> over a broker in this process. It is a <see cref="ProducerBuilder{TKey, TValue}"/>: code that
/// is handed one, or a producer, need not know.
/// <code>
/// using var producer = new InProcessProducerBuilder&lt;string, string&gt;(broker, new ProducerConfig { TransactionalId = "billing" }).Build();
/// </code>
/// </summary>
/// <typeparam name="TKey">The key's type.</typeparam>
/// <typeparam name="TValue">The value's type.</typeparam>
/// <param name="broker">The broker, which outlives the producer.</param>
/// <param name="config">The configuration as the real client is given it. Addresses and tuning have no meaning in process and are ignored.</param>
public class InProcessProducerBuilder<TKey, TValue>(Broker broker, IEnumerable<KeyValuePair<string, string>> config) : ProducerBuilder<TKey, TValue>(config)
{
    private readonly Broker _broker = broker ?? throw new ArgumentNullException(nameof(broker));

    /// <inheritdoc/>
    public override IProducer<TKey, TValue> Build()
    {
        var settings = new ClientSettings(Config, "producer");
        var keys = new FieldWriter<TKey>(
            KeySerializer ?? KeySerializerBuilder?.Build(Config, isKey: true),
            AsyncKeySerializer ?? AsyncKeySerializerBuilder?.Build(Config, isKey: true),
            MessageComponentType.Key);
        var values = new FieldWriter<TValue>(
            ValueSerializer ?? ValueSerializerBuilder?.Build(Config, isKey: false),
            AsyncValueSerializer ?? AsyncValueSerializerBuilder?.Build(Config, isKey: false),
            MessageComponentType.Value);
        return new InProcessProducer<TKey, TValue>(_broker, settings, keys, values, new PartitionChoice(settings, Partitioners, DefaultPartitioner), ErrorHandler);
    }
}
