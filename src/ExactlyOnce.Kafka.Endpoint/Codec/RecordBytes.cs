namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>
/// Record batches on their way through, in the pieces in which they lie: a slice of the request's frame, or slices of the log, which whoever made the answer
/// holds leased until it is written. The default is null on the wire.
/// </summary>
internal readonly struct RecordBytes
{
    private readonly IReadOnlyList<ReadOnlyMemory<byte>>? _pieces;

    public RecordBytes(ReadOnlyMemory<byte> bytes)
        : this([bytes])
    {
    }

    public RecordBytes(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        _pieces = pieces;
        foreach (var piece in pieces)
            Length += piece.Length;
    }

    /// <summary>No batches, and not null.</summary>
    public static RecordBytes Empty { get; } = new([]);

    public bool IsNull => _pieces is null;

    public int Length { get; }

    public IReadOnlyList<ReadOnlyMemory<byte>> Pieces => _pieces ?? [];

    /// <summary>The bytes in one piece, as requests have them.</summary>
    public ReadOnlyMemory<byte> Single => Pieces.Count switch
    {
        0 => default,
        1 => Pieces[0],
        _ => throw new InvalidOperationException("The batches lie in several pieces."),
    };
}
