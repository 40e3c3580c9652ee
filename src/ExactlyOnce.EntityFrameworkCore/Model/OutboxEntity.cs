namespace ExactlyOnce.EntityFrameworkCore.Model;

/// <summary>A row of the outbox: a record on its way into a topic.</summary>
internal sealed class OutboxEntity
{
    public long Id { get; set; }

    public long? SequenceNumber { get; set; }

    public required string Topic { get; init; }

    public byte[]? RecordKey { get; init; }

    public byte[]? RecordValue { get; init; }

    public string? Headers { get; init; }

    public long? TimestampMs { get; init; }
}
