namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Goes from batch to batch over contiguous bytes, by their headers. Does not check CRCs. Starts at a batch; anything that is not a whole batch throws
/// <see cref="CorruptRecordException"/>.
/// </summary>
internal ref struct BatchSequence
{
    private readonly ReadOnlySpan<byte> _bytes;
    private BatchHeader _header;
    private int _next;

    public BatchSequence(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The header of the batch reached.</summary>
    public readonly BatchHeader Current => _header;

    /// <summary>Where the batch reached begins.</summary>
    public readonly int Position => _next - _header.SizeInBytes;

    /// <summary>The batch reached, header and records.</summary>
    public readonly ReadOnlySpan<byte> Batch => _bytes.Slice(Position, _header.SizeInBytes);

    /// <summary>The bytes behind the header of the batch reached, compressed if it is.</summary>
    public readonly ReadOnlySpan<byte> Records => Batch[BatchHeader.Size..];

    public readonly BatchSequence GetEnumerator() => this;

    /// <exception cref="CorruptRecordException">What follows is not a whole batch.</exception>
    public bool MoveNext() => TryReadNext(_bytes, ref _next, out _header);

    /// <summary>The same step for whoever cannot keep a ref struct: reads the header at <paramref name="position"/> and moves it behind the batch.</summary>
    /// <exception cref="CorruptRecordException">What stands at the position is not a whole batch.</exception>
    public static bool TryReadNext(ReadOnlySpan<byte> bytes, ref int position, out BatchHeader header)
    {
        var rest = bytes[position..];
        if (rest.IsEmpty)
        {
            header = default;
            return false;
        }
        if (!BatchHeader.TryRead(rest, out header))
            throw new CorruptRecordException($"No record batch begins at byte {position}.");
        if (header.SizeInBytes > rest.Length)
            throw new CorruptRecordException($"The batch at offset {header.BaseOffset} has {header.SizeInBytes} bytes, of which only {rest.Length} are there.");
        position += header.SizeInBytes;
        return true;
    }
}
