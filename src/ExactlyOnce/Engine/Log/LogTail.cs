using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>A place in the tail: the batch that begins at <see cref="Offset"/> stands, or will stand, at <see cref="Position"/> of <see cref="Chunk"/>.</summary>
internal readonly record struct TailPosition(LogChunk Chunk, int Position, long Offset);

/// <summary>
/// The writer's side of a log's newest part, in memory. Owned by the partition's lock. Chunks begin small, so that a thousand idle partitions are cheap, and double to
/// 1 MiB; a larger batch gets a chunk of its own.
/// </summary>
internal sealed class LogTail
{
    private readonly ChunkPool _pool;
    private LogChunk _last;

    public LogTail(ChunkPool pool, long baseOffset)
    {
        _pool = pool;
        First = _last = new LogChunk(pool, pool.Rent(ChunkPool.SmallestBytes), baseOffset);
        End = new TailPosition(_last, 0, baseOffset);
    }

    /// <summary>The oldest chunk kept.</summary>
    public LogChunk First { get; private set; }

    /// <summary>Behind the last batch.</summary>
    public TailPosition End { get; private set; }

    /// <summary>Bytes of all chunks kept.</summary>
    public long Bytes { get; private set; }

    /// <summary>Copies a batch in, at <paramref name="baseOffset"/>. The memory does not change any more and may be referenced until the tail is trimmed behind it.</summary>
    public Memory<byte> Append(ReadOnlySpan<byte> batch, long baseOffset, int leaderEpoch, in BatchHeader header, long nowMs)
    {
        if (!_last.HasRoomFor(batch.Length))
            Extend(batch.Length, baseOffset);
        var placed = _last.Append(batch, header.MaxTimestamp, nowMs);
        BatchHeader.Place(placed.Span, baseOffset, leaderEpoch);
        Bytes += batch.Length;
        End = new TailPosition(_last, _last.Length, baseOffset + header.LastOffsetDelta + 1);
        return placed;
    }

    /// <summary>Drops whole chunks in front of <paramref name="offset"/>; answers the bytes dropped.</summary>
    public long TrimTo(long offset)
    {
        var dropped = 0L;
        while (First.Next is { } next && next.BaseOffset <= offset)
        {
            dropped += First.Length;
            var gone = First;
            First = next;
            gone.Release();
        }
        Bytes -= dropped;
        return dropped;
    }

    /// <summary>Begins anew with an empty chunk; what was there is dropped. For compaction of a log in memory, which has copied it.</summary>
    public void Replace(LogTail other)
    {
        for (var chunk = First; chunk is not null; chunk = chunk.Next)
            chunk.Release();
        First = other.First;
        _last = other._last;
        End = other.End;
        Bytes = other.Bytes;
    }

    private void Extend(int bytes, long baseOffset)
    {
        var size = Math.Max(Math.Min(_last.Buffer.Length * 2, ChunkPool.LargestBytes), bytes);
        var next = new LogChunk(_pool, _pool.Rent(size), baseOffset);
        _last.Close(next);
        _last = next;
    }
}
