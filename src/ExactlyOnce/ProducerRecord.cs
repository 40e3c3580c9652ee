namespace ExactlyOnce;

/// <summary>A record to be written, with everything that can be said about it. Most calls need only key and value and have an overload for that.</summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
/// <param name="Key">The key; null for none.</param>
/// <param name="Value">The value; null for a tombstone.</param>
public readonly record struct ProducerRecord<TKey, TValue>(TKey Key, TValue Value)
{
    /// <summary>Headers, in order; null for none.</summary>
    public RecordHeaders? Headers { get; init; }

    /// <summary>The record's time; null for now. Stored in whole milliseconds, not before 1970.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The partition to write to; null to let the partitioner choose.</summary>
    public int? Partition { get; init; }

    /// <summary>
    /// The record's own id: a second record with it, within the topic's <see cref="TopicOptions.MessageIdWindow"/>, is acknowledged as a duplicate and not
    /// written.
    /// Also stored as the header <c>message-id</c>. Not for producers with an identity, nor in a transaction.
    /// </summary>
    public string? MessageId { get; init; }

    /// <summary>The position in the caller's own source, strictly increasing; only for producers with an identity.</summary>
    public long? SourceSequence { get; init; }

    /// <summary>There is more to it than a key and a value.</summary>
    internal bool HasExtras => Headers is not null || MessageId is not null || Timestamp.HasValue || Partition.HasValue || SourceSequence.HasValue;
}
