using System.Diagnostics;
using System.Numerics;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.References;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The end of a partition's log in memory: what no segment file holds yet, or, with durability Memory, the whole log. A chain of chunks.
/// Owned by the partition and called under its lock; readers never touch it, they go from the view's first chunk along the chain.
/// Whoever changes <see cref="First"/> (the first append, a trim, a replacement) publishes a new view under the same lock, before any offset is published.
/// </summary>
internal sealed class LogTail
{
    private readonly ChunkPool _pool;
    private LogChunk? _last;

    /// <param name="pool">Where chunks come from.</param>
    /// <param name="nextOffset">The offset the log goes on with.</param>
    public LogTail(ChunkPool pool, long nextOffset)
    {
        _pool = pool;
        NextOffset = nextOffset;
    }

    /// <summary>The objects that values in here refer to, in a log that is kept in memory. Thread-safe.</summary>
    public ReferenceTable References { get; } = new();

    /// <summary>The first chunk; null as long as the tail is empty.</summary>
    public LogChunk? First { get; private set; }

    /// <summary>The first offset held here.</summary>
    public long FirstOffset => First?.BaseOffset ?? NextOffset;

    /// <summary>The log end offset.</summary>
    public long NextOffset { get; private set; }

    /// <summary>Bytes of all batches held.</summary>
    public long SizeInBytes { get; private set; }

    /// <summary>
    /// Copies a batch to the end, with its base offset and the leader epoch set. The memory answered stays as it is until the tail is trimmed beyond it.
    /// </summary>
    /// <param name="batch">One sealed batch.</param>
    /// <param name="baseOffset">At or above <see cref="NextOffset"/>; above it only in a compacted log.</param>
    /// <param name="leaderEpoch">Set in the copy.</param>
    /// <param name="header">The batch's header; its own base offset is not looked at.</param>
    /// <param name="nowMs">The broker's time of this append, from the frame when it is replayed.</param>
    public ReadOnlyMemory<byte> Append(BatchBytes batch, long baseOffset, int leaderEpoch, in BatchHeader header, long nowMs)
    {
        Debug.Assert(batch.Length == header.SizeInBytes, "Exactly one whole batch is appended at a time.");
        Debug.Assert(baseOffset >= NextOffset, "Offsets only grow.");
        var chunk = _last is { } last && last.Room >= header.SizeInBytes ? last : AddChunk(header.SizeInBytes, baseOffset);
        var placed = chunk.Append(batch, baseOffset, leaderEpoch, header, nowMs);
        SizeInBytes += header.SizeInBytes;
        NextOffset = baseOffset + header.LastOffsetDelta + 1;
        return placed;
    }

    /// <summary>Ends the open chunk, so that everything held so far can be compacted or dropped; the next append begins a new one.</summary>
    public void CloseChunk()
    {
        // The chunk stays the last one until its successor is linked: a closed chunk has no room.
        if (_last is { IsClosed: false } open)
            open.Close(next: null);
    }

    /// <summary>Drops the chunks that hold nothing at or above <paramref name="offset"/>. True when <see cref="First"/> changed.</summary>
    public bool TrimTo(long offset)
    {
        var changed = false;
        while (First is { } chunk && EndOf(chunk) <= offset)
        {
            Drop(chunk);
            changed = true;
        }
        return changed;
    }

    /// <summary>Goes on at an offset further ahead, with everything dropped: the tail of a log whose state came from elsewhere.</summary>
    public void Reset(long nextOffset)
    {
        TrimTo(NextOffset);
        NextOffset = nextOffset;
    }

    /// <summary>Holds the batches in [<paramref name="from"/>, <paramref name="to"/>) for a checkpoint, which reads them after the lock is released.</summary>
    public TailSlice Capture(long from, long to)
    {
        Debug.Assert(from >= FirstOffset && to <= NextOffset, "Only what is held can be captured.");
        var chunks = new List<LogChunk>();
        for (var chunk = First; chunk is not null && chunk.BaseOffset < to; chunk = chunk.Next)
        {
            if (EndOf(chunk) <= from)
                continue;
            var held = chunk.TryLease();
            Debug.Assert(held, "A chunk of the chain holds the tail's own lease.");
            chunks.Add(chunk);
        }
        return new TailSlice(chunks, from, to);
    }

    /// <summary>
    /// Offset up to which closed chunks reach, at most <paramref name="bound"/>: what a compaction in memory may rewrite. <see cref="FirstOffset"/> when there
    /// is none.
    /// </summary>
    public long ClosedEnd(long bound)
    {
        var end = FirstOffset;
        for (var chunk = First; chunk is { IsClosed: true } && EndOf(chunk) <= bound; chunk = chunk.Next)
            end = EndOf(chunk);
        return end;
    }

    /// <summary>
    /// Puts <paramref name="rewritten"/> in the place of everything below <paramref name="end"/>. False, and nothing changed, when the front is no longer
    /// <paramref name="first"/>, because it was trimmed meanwhile: the rewritten chunks are the caller's to drop.
    /// </summary>
    public bool TryReplaceFront(LogChunk first, long end, LogTail rewritten)
    {
        if (First != first || rewritten.First is null)
            return false;
        while (First is { } chunk && EndOf(chunk) <= end)
            Drop(chunk);
        Debug.Assert(First is null || First.BaseOffset >= end, "Only whole chunks are rewritten.");
        rewritten._last!.Close(First);
        _last ??= rewritten._last;
        First = rewritten.First;
        SizeInBytes += rewritten.SizeInBytes;
        rewritten.Forget();
        return true;
    }

    /// <summary>
    /// A chunk is as large as all that is held already: the first is small and each doubles the tail, so that an idle partition holds little and a busy one
    /// soon has large chunks.
    /// </summary>
    private LogChunk AddChunk(int batchBytes, long baseOffset)
    {
        var wanted = (int)Math.Min(SizeInBytes, ChunkPool.LargestBytes);
        var size = Math.Max((int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(wanted, ChunkPool.SmallestBytes)), batchBytes);
        var chunk = new LogChunk(_pool, _pool.Rent(size), baseOffset, References);
        if (_last is null)
            First = chunk;
        else
            _last.Close(chunk);
        _last = chunk;
        return chunk;
    }

    private long EndOf(LogChunk chunk) => chunk.Next?.BaseOffset ?? NextOffset;

    private void Drop(LogChunk chunk)
    {
        First = chunk.Next;
        SizeInBytes -= chunk.Written;
        if (First is null)
        {
            // Readers that stand at its end must not wait here for bytes that go to a chunk they cannot reach.
            chunk.Close(next: null);
            _last = null;
        }
        chunk.Release();
    }

    private void Forget()
    {
        First = null;
        _last = null;
        SizeInBytes = 0;
    }
}
