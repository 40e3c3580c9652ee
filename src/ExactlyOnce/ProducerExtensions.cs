namespace ExactlyOnce;

/// <summary>Shorter calls for topics without keys.</summary>
public static class ProducerExtensions
{
    /// <summary>Writes a record without a key and waits for its acknowledgement.</summary>
    /// <param name="producer">The producer.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public static ValueTask<RecordMetadata> SendAsync<TValue>(
        this Producer<NoKey, TValue> producer, TValue value, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(producer);
        return producer.SendAsync(default, value, cancellationToken);
    }

    /// <summary>Hands a record without a key over and waits only for buffer space.</summary>
    /// <param name="producer">The producer.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public static ValueTask PostAsync<TValue>(this Producer<NoKey, TValue> producer, TValue value, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(producer);
        return producer.PostAsync(default, value, cancellationToken);
    }

    /// <summary>Writes a record without a key into a transaction.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public static ValueTask SendAsync<TValue>(
        this TransactionWriter transaction, Topic<NoKey, TValue> topic, TValue value, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return transaction.SendAsync(topic, default, value, cancellationToken);
    }
}
