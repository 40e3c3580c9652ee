using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Clients.Producing;

/// <summary>A record after serialization, on the caller's stack: key and value are spans into a <see cref="RecordScratch"/>.</summary>
internal ref struct EncodedRecord(ReadOnlySpan<byte> key, bool hasKey, ReadOnlySpan<byte> value, bool hasValue)
{
    public const int NoPartition = -1;
    public const long NoSourceSequence = -1;
    public const long TimestampNow = -1;

    /// <summary>
    /// Upper bound of what the record format adds to key, value and headers: length, attributes, deltas, key length, value length, header count.
    /// </summary>
    private const int OverheadBytesMax = 5 + 1 + 10 + 5 + 5 + 5 + 5;

    public readonly ReadOnlySpan<byte> Key = key;
    public readonly bool HasKey = hasKey;
    public readonly ReadOnlySpan<byte> Value = value;
    public readonly bool HasValue = hasValue;

    /// <summary>The value itself where the topic carries references; its bytes are then room for what stands for it.</summary>
    public object? Reference { get; set; }

    public RecordHeaders? Headers { get; set; }

    /// <summary>Unix milliseconds, or <see cref="TimestampNow"/>.</summary>
    public long TimestampMs { get; set; } = TimestampNow;

    public int Partition { get; set; } = NoPartition;

    public string? MessageId { get; set; }

    public long SourceSequence { get; set; } = NoSourceSequence;

    /// <summary>An upper bound of the record's size inside a batch: what is reserved for it.</summary>
    public readonly long SizeBytesMax => (long)Key.Length + Value.Length + (Headers?.EncodedLength ?? 0) + OverheadBytesMax;

    /// <summary>The exact size of a batch of this record alone.</summary>
    public readonly long SizeAlone => BatchWriter.SizeAlone(Key.Length, HasKey, Value.Length, HasValue, Headers);
}
