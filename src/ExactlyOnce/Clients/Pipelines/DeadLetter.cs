using System.Globalization;
using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>A record that a pipeline gives up: its bytes as they stand in the log, and why.</summary>
internal sealed record DeadLetter
{
    // A message is a note for a person, and headers count towards the record's size.
    private const int MessageLengthMax = 1024;

    public required TopicPartition Source { get; init; }

    public required long Offset { get; init; }

    public required DateTimeOffset RecordTime { get; init; }

    public required byte[]? Key { get; init; }

    public required byte[]? Value { get; init; }

    /// <summary>The object that the value refers to; null where it is bytes.</summary>
    public object? Reference { get; init; }

    public required RecordHeaders Headers { get; init; }

    public required Exception Cause { get; init; }

    public required int Attempts { get; init; }

    public static DeadLetter Of(BatchContents contents, int index, Exception cause, int attempts)
    {
        ref readonly var slot = ref contents.Slots[index];
        var source = contents.Source.Span;
        return new DeadLetter
        {
            Source = contents.Partition!.Id,
            Offset = slot.Offset,
            RecordTime = DateTimeOffset.FromUnixTimeMilliseconds(slot.TimestampMs),
            Key = slot.KeyLength < 0 ? null : slot.Key(source).ToArray(),
            Value = slot.ValueLength < 0 ? null : slot.Value(source).ToArray(),
            Reference = contents.ReferenceAt(index),
            Headers = slot.Headers(source),
            Cause = cause,
            Attempts = attempts,
        };
    }

    public static DeadLetter Of(RecordDeserializationException cause) => new()
    {
        Source = cause.TopicPartition,
        Offset = cause.Offset,
        RecordTime = cause.Timestamp,
        Key = cause.Key?.ToArray(),
        Value = cause.Value?.ToArray(),
        Headers = cause.Headers,
        Cause = cause.InnerException ?? cause,
        Attempts = 1,
    };

    /// <summary>The record for the dead-letter topic; its value is the bytes, or the object they refer to.</summary>
    public ProducerRecord<byte[], TValue> ToRecord<TValue>(TValue value, string pipeline, DateTimeOffset now) =>
        new(Key!, value) { Headers = RecordHeaders.Create([.. Headers, .. Causes(pipeline, now)]) };

    private RecordHeader[] Causes(string pipeline, DateTimeOffset now) =>
    [
        new(DeadLetterHeaders.Topic, Source.Topic),
        new(DeadLetterHeaders.Partition, Source.Partition.ToString(CultureInfo.InvariantCulture)),
        new(DeadLetterHeaders.Offset, Offset.ToString(CultureInfo.InvariantCulture)),
        new(DeadLetterHeaders.RecordTime, RecordTime.ToString("O", CultureInfo.InvariantCulture)),
        new(DeadLetterHeaders.Attempts, Attempts.ToString(CultureInfo.InvariantCulture)),
        new(DeadLetterHeaders.Exception, Cause.GetType().FullName),
        new(DeadLetterHeaders.Message, Cause.Message.Length <= MessageLengthMax ? Cause.Message : Cause.Message[..MessageLengthMax]),
        new(DeadLetterHeaders.Pipeline, pipeline),
        new(DeadLetterHeaders.Time, now.ToString("O", CultureInfo.InvariantCulture)),
    ];
}
