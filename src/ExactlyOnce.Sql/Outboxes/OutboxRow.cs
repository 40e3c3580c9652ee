using System.Buffers;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>A record as it stands in an outbox, keys and values as they will stand in the log.</summary>
/// <param name="Topic">The topic it goes to.</param>
/// <param name="Key">The key; null for none.</param>
/// <param name="Value">The value; null for a tombstone.</param>
/// <param name="Headers">The headers, as <see cref="HeadersText"/> writes them; null for none.</param>
/// <param name="TimestampMs">The record's time; null for the time at which it comes into the log.</param>
internal sealed record OutboxRow(string Topic, byte[]? Key, byte[]? Value, string? Headers, long? TimestampMs)
{
    /// <summary>The row's identity in its table; 0 before it has one.</summary>
    public long Id { get; init; }

    /// <summary>The number under which the broker remembers it; 0 before it has one.</summary>
    public long Sequence { get; init; }

    public static OutboxRow Of<TKey, TValue>(Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record)
    {
        ArgumentNullException.ThrowIfNull(topic);
        if (record.Partition is not null || record.MessageId is not null || record.SourceSequence is not null)
            throw new ArgumentException(
                "A record in an outbox has key, value, headers and timestamp. Partition, message id and source sequence are the relay's: the row itself is "
                + "what is published once.", nameof(record));
        // Refused here, where somebody is told, and not when it stands in the way of the rows behind it.
        if (record.Timestamp < DateTimeOffset.UnixEpoch)
            throw new ArgumentOutOfRangeException(nameof(record), record.Timestamp, "A record's timestamp cannot lie before 1970.");
        return new OutboxRow(
            topic.Name,
            Encode(topic.KeySerde, record.Key),
            Encode(topic.ValueSerde, record.Value),
            HeadersText.Write(record.Headers),
            record.Timestamp?.ToUnixTimeMilliseconds());
    }

    public ProducerRecord<byte[], byte[]> ToRecord() => new(Key!, Value!)
    {
        Headers = HeadersText.Read(Headers),
        Timestamp = TimestampMs is { } time ? DateTimeOffset.FromUnixTimeMilliseconds(time) : null,
        SourceSequence = Sequence,
    };

    private static byte[]? Encode<T>(ISerializer<T> serializer, T value)
    {
        if (value is null or NoKey)
            return null;
        var buffer = new ArrayBufferWriter<byte>();
        serializer.Serialize(value, buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
