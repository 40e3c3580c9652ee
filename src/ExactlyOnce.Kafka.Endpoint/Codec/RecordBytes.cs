using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>
/// Record batches on their way through, in the pieces in which they lie: slices of what was received, or slices of the log, which whoever made the answer
/// holds leased until it is written. The default is null on the wire.
/// </summary>
internal readonly struct RecordBytes
{
    private readonly bool _isPresent;

    /// <param name="first">The first piece. Of a batch that came over the network it holds the whole header, unless there are not that many bytes.</param>
    /// <param name="rest">The other pieces; null for none.</param>
    public RecordBytes(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte>[]? rest = null)
    {
        _isPresent = true;
        First = first;
        Rest = rest;
        Length = first.Length;
        foreach (var piece in rest ?? [])
            Length += piece.Length;
    }

    public RecordBytes(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
        : this(pieces.Count > 0 ? pieces[0] : default, pieces.Count > 1 ? [.. pieces.Skip(1)] : null)
    {
    }

    /// <summary>No batches, and not null.</summary>
    public static RecordBytes Empty { get; } = new(default, null);

    public bool IsNull => !_isPresent;

    public int Length { get; }

    public ReadOnlyMemory<byte> First { get; }

    public ReadOnlyMemory<byte>[]? Rest { get; }

    /// <summary>The bytes as one batch.</summary>
    public BatchBytes Batch => new(First.Span, Rest);
}
