using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce;

/// <summary>
/// A record's key or value could not be deserialized. The consumer stands in front of it and stays there: seek to <see cref="Offset"/> + 1 to go on behind it,
/// or correct the deserializer. Key and value are here as they stand in the log.
/// </summary>
public sealed class RecordDeserializationException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public RecordDeserializationException(TopicPartition topicPartition, long offset, Exception innerException)
        : base(ErrorCode.InvalidRecord, $"The record at {topicPartition}@{offset} could not be deserialized: {Cause(innerException)}", innerException)
    {
        TopicPartition = topicPartition;
        Offset = offset;
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.FixRequest;

    /// <summary>The partition of the record.</summary>
    public TopicPartition TopicPartition { get; }

    /// <summary>The record's offset.</summary>
    public long Offset { get; }

    /// <summary>The record's timestamp.</summary>
    public DateTimeOffset Timestamp { get; private init; }

    /// <summary>The key's bytes; null when there is no key.</summary>
    public ReadOnlyMemory<byte>? Key { get; private init; }

    /// <summary>The value's bytes; null for a tombstone.</summary>
    public ReadOnlyMemory<byte>? Value { get; private init; }

    /// <summary>The record's headers.</summary>
    public RecordHeaders Headers { get; private init; } = RecordHeaders.Empty;

    internal static RecordDeserializationException Create(TopicPartition partition, in RecordSlot slot, ReadOnlySpan<byte> source, Exception cause) =>
        new(partition, slot.Offset, cause)
        {
            Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(Math.Max(slot.TimestampMs, 0)),
            Key = slot.KeyLength < 0 ? default(ReadOnlyMemory<byte>?) : slot.Key(source).ToArray(),
            Value = slot.ValueLength < 0 ? default(ReadOnlyMemory<byte>?) : slot.Value(source).ToArray(),
            Headers = slot.Headers(source),
        };

    private static string Cause(Exception innerException)
    {
        ArgumentNullException.ThrowIfNull(innerException);
        return innerException.Message;
    }
}
