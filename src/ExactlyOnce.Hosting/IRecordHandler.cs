namespace ExactlyOnce;

/// <summary>
/// Works on the records of a topic, one after the other; registered by <c>AddConsumer(topic, group).HandledBy&lt;THandler&gt;()</c>. An instance lives for a
/// batch, in a scope of its own. A record may come again after a failure or a crash: what the handler publishes through <see cref="IEventBus"/> takes effect
/// once, what it does elsewhere happens as often as it is called.
/// </summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public interface IRecordHandler<TKey, TValue>
{
    /// <summary>Works on a record. An exception means that it is not done: it is tried again, and given up in the end, as the consumer's options say.</summary>
    /// <param name="record">The record.</param>
    /// <param name="cancellationToken">Cancelled when the host stops and its patience is over.</param>
    ValueTask HandleAsync(ConsumerRecord<TKey, TValue> record, CancellationToken cancellationToken);
}
