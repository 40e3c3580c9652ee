namespace ExactlyOnce.Engine.Log;

/// <summary>
/// A piece of a log's memory: whole batches, back to back. One writer (under the partition's lock); readers look only at bytes below an offset that was published
/// after the bytes. The array goes back to the pool when the log has dropped the chunk and the last reader has let go; the chunk object itself is never used
/// again, so its fields may be read at any time.
/// </summary>
internal sealed class LogChunk(ChunkPool pool, byte[] buffer, long baseOffset)
{
    private int _closedLength = int.MaxValue;
    private int _leases = 1;
    private LogChunk? _next;

    public byte[] Buffer { get; } = buffer;

    /// <summary>Offset of the first batch.</summary>
    public long BaseOffset { get; } = baseOffset;

    /// <summary>Bytes written. For the writer.</summary>
    public int Length { get; private set; }

    /// <summary>The largest record timestamp, −1 for none. For the writer.</summary>
    public long MaxTimestamp { get; private set; } = -1;

    /// <summary>Broker time of the last append. For the writer.</summary>
    public long LastAppendMs { get; private set; }

    /// <summary>Where the chunk ends once it is full; until then no position is beyond the end.</summary>
    public int ClosedLength => Volatile.Read(ref _closedLength);

    /// <summary>The chunk behind this one; set before <see cref="ClosedLength"/>.</summary>
    public LogChunk? Next => Volatile.Read(ref _next);

    public bool HasRoomFor(int bytes) => Buffer.Length - Length >= bytes;

    public Memory<byte> Append(ReadOnlySpan<byte> batch, long maxTimestamp, long nowMs)
    {
        var at = Length;
        batch.CopyTo(Buffer.AsSpan(at));
        Length = at + batch.Length;
        MaxTimestamp = Math.Max(MaxTimestamp, maxTimestamp);
        LastAppendMs = nowMs;
        return Buffer.AsMemory(at, batch.Length);
    }

    public void Close(LogChunk next)
    {
        Volatile.Write(ref _next, next);
        Volatile.Write(ref _closedLength, Length);
    }

    /// <summary>Keeps the array from the pool until <see cref="Release"/>; false when it has gone already.</summary>
    public bool TryLease()
    {
        while (true)
        {
            var leases = Volatile.Read(ref _leases);
            if (leases == 0)
                return false;
            if (Interlocked.CompareExchange(ref _leases, leases + 1, leases) == leases)
                return true;
        }
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _leases) == 0)
            pool.Return(Buffer);
    }
}
