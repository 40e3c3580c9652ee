namespace ExactlyOnce;

/// <summary>The acknowledgement of a record: where it stands. Given out only when the record is as durable as the broker was told to make it.</summary>
public readonly record struct RecordMetadata
{
    // As small as can be: every awaited record hands one on by value several times. The next offset, so that zero says none.
    private readonly long _nextOffset;
    private readonly long _timestampMs;

    /// <summary>Creates the acknowledgement; the timestamp is kept in whole milliseconds.</summary>
    public RecordMetadata(TopicPartition topicPartition, long? offset, DateTimeOffset timestamp, bool isDuplicate)
        : this(topicPartition, offset ?? -1, timestamp.ToUnixTimeMilliseconds(), isDuplicate)
    {
    }

    internal RecordMetadata(TopicPartition topicPartition, long offset, long timestampMs, bool isDuplicate)
    {
        TopicPartition = topicPartition;
        _nextOffset = offset + 1;
        _timestampMs = timestampMs;
        IsDuplicate = isDuplicate;
    }

    /// <summary>The partition the record was appended to.</summary>
    public TopicPartition TopicPartition { get; }

    /// <summary>
    /// The record's offset; for a duplicate that of the original. Null only for a duplicate recognised by its source sequence, which says that the original is
    /// in the log, not where.
    /// </summary>
    public long? Offset => _nextOffset == 0 ? null : _nextOffset - 1;

    /// <summary>The record's timestamp: the producer's, or the broker's for topics with <see cref="TimestampType.LogAppendTime"/>.</summary>
    public DateTimeOffset Timestamp => DateTimeOffset.FromUnixTimeMilliseconds(_timestampMs);

    /// <summary>
    /// True when nothing was written, because the record is in the log already: a retry, a known message id, or a source sequence at or below the last one.
    /// </summary>
    public bool IsDuplicate { get; }

    /// <summary>The form used in messages: <c>orders-3@17</c>.</summary>
    public override string ToString() => Offset is { } offset ? $"{TopicPartition}@{offset}" : $"{TopicPartition}@?";
}
