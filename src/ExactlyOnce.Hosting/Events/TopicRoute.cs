using System.Buffers;

namespace ExactlyOnce.Hosting.Events;

/// <summary>An event's way into a typed topic.</summary>
internal sealed class TopicRoute<TKey, TEvent>(Topic<TKey, TEvent> topic, Func<TEvent, TKey> key) : EventRoute<TEvent>
{
    public override string Topic => topic.Name;

    public override bool HasKey => typeof(TKey) != typeof(NoKey);

    public override ValueTask PublishAsync(Broker broker, TEvent @event, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(broker);
        var publishing = broker.PublishAsync(topic, key(@event), @event, cancellationToken);
        if (!publishing.IsCompletedSuccessfully)
            return Wait(publishing);
        _ = publishing.Result;
        return default;
    }

    public override ValueTask SendAsync(TransactionWriter transaction, TEvent @event, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return transaction.SendAsync(topic, key(@event), @event, cancellationToken);
    }

    public override void SerializeKey(TEvent @event, IBufferWriter<byte> destination) => topic.KeySerde.Serialize(key(@event), destination);

    public override void SerializeValue(TEvent @event, IBufferWriter<byte> destination) => topic.ValueSerde.Serialize(@event, destination);

    private static async ValueTask Wait(ValueTask<RecordMetadata> publishing) => await publishing.ConfigureAwait(false);
}
