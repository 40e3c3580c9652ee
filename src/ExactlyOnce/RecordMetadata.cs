namespace ExactlyOnce;

/// <summary>The acknowledgement of a record: where it stands. Given out only when the record is as durable as the broker was told to make it.</summary>
public readonly record struct RecordMetadata
{
    /// <summary>Creates the acknowledgement.</summary>
    public RecordMetadata(TopicPartition topicPartition, long? offset, DateTimeOffset timestamp, bool isDuplicate)
    {
        TopicPartition = topicPartition;
        Offset = offset;
        Timestamp = timestamp;
        IsDuplicate = isDuplicate;
    }

    /// <summary>The partition the record was appended to.</summary>
    public TopicPartition TopicPartition { get; }

    /// <summary>
    /// The record's offset; for a duplicate that of the original. Null only for a duplicate recognised by its source sequence, which says that the original is in the
    /// log, not where.
    /// </summary>
    public long? Offset { get; }

    /// <summary>The record's timestamp: the producer's, or the broker's for topics with <see cref="TimestampType.LogAppendTime"/>.</summary>
    public DateTimeOffset Timestamp { get; }

    /// <summary>True when nothing was written, because the record is in the log already: a retry, a known message id, or a source sequence at or below the last one.</summary>
    public bool IsDuplicate { get; }

    /// <summary>The form used in messages: <c>orders-3@17</c>.</summary>
    public override string ToString() => Offset is { } offset ? $"{TopicPartition}@{offset}" : $"{TopicPartition}@?";
}
