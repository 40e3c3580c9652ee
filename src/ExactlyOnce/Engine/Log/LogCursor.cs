using System.Buffers.Binary;
using System.IO.Pipelines;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>What a read came to.</summary>
internal enum LogRead
{
    /// <summary>Batches were returned.</summary>
    Batches,

    /// <summary>Nothing below the limit is left.</summary>
    EndOfLimit,

    /// <summary>The position was deleted: it lies below the log's start.</summary>
    BelowLogStart,

    /// <summary>The view, read as one moment only, no longer has its bytes: they were deleted or rewritten.</summary>
    Gone,
}

/// <summary>
/// Reads a partition forward, for one consumer; not thread-safe. Bytes of the tail are handed out where they lie, leased; bytes of files through a buffer of
/// the cursor's own, with their CRC checked. What was returned is valid until the next call. Between calls it holds at most one chunk, or one file and one
/// buffer; <see cref="ReleaseHeld"/> gives them back when the consumer goes to sleep.
/// <para>
/// Exceptions: a batch that is damaged is a <see cref="DamagedStorageException"/> with file and position; the cursor does not move past it. A disk that cannot
/// be read is a <see cref="StorageException"/>.
/// </para>
/// </summary>
internal sealed class LogCursor : IDisposable
{
    private readonly IPartitionViewSource _source;
    private readonly FileRun _file;
    private PartitionView _view;

    // Leased while _holdsChunk; afterwards only remembered, so that a consumer that wakes up need not look for its place. A chunk object is never used for
    // other bytes, so a lease that succeeds finds the position still right.
    private LogChunk? _chunk;
    private bool _holdsChunk;
    private int _position;

    /// <param name="source">The partition, or one view of it.</param>
    /// <param name="offset">Where to begin.</param>
    /// <param name="background">Where files are read ahead; null for not at all.</param>
    public LogCursor(IPartitionViewSource source, long offset, PipeScheduler? background = null)
    {
        _file = new FileRun(background);
        _source = source;
        _view = source.View;
        NextOffset = offset;
    }

    private enum Step
    {
        Read,
        Limit,
        Moved,
        Lost,
    }

    /// <summary>The next offset to read: behind the last batch returned, or behind a hole that compaction left.</summary>
    public long NextOffset { get; private set; }

    /// <summary>The view of the last read: the aborted transactions that belong to what it returned are collected from this one and from no other.</summary>
    public PartitionView View => _view;

    /// <summary>
    /// Returns the next contiguous whole batches that lie wholly below <paramref name="limit"/>: at least one if there is one, otherwise up to
    /// <paramref name="maxBytes"/>. The first may begin in front of <see cref="NextOffset"/>, or behind it where compaction left a hole.
    /// </summary>
    /// <param name="limit">An offset between batches that was published before this call.</param>
    /// <param name="maxBytes">About how much to return.</param>
    /// <param name="batches">Valid until the next call.</param>
    public LogRead TryRead(long limit, int maxBytes, out ReadOnlyMemory<byte> batches)
    {
        batches = default;
        var spin = default(SpinWait);
        while (true)
        {
            if (!TryTakeView())
                return LogRead.BelowLogStart;
            if (NextOffset >= limit)
                return LogRead.EndOfLimit;
            switch (ReadPlace(limit, maxBytes, ref batches))
            {
                case Step.Read:
                    return LogRead.Batches;
                case Step.Limit:
                    return LogRead.EndOfLimit;
                case Step.Lost:
                    Forget();
                    if (ReferenceEquals(_source, _view))
                        return LogRead.Gone;
                    // The partition is between dropping bytes and publishing the view without them.
                    spin.SpinOnce();
                    break;
            }
        }
    }

    /// <summary>Goes on at another offset.</summary>
    public void Seek(long offset)
    {
        Forget();
        NextOffset = offset;
    }

    /// <summary>Gives back the memory and files held; what was returned last is no longer valid. Reading goes on where it stopped.</summary>
    public void ReleaseHeld()
    {
        if (_holdsChunk)
            _chunk!.Release();
        _holdsChunk = false;
        _file.Close();
    }

    public void Dispose() => Forget();

    private bool TryTakeView()
    {
        var view = _source.View;
        var isKept = NextOffset >= view.LogStart;
        if (view.Rewrites != _view.Rewrites || !isKept)
            Forget();
        _view = view;
        return isKept;
    }

    private Step ReadPlace(long limit, int maxBytes, ref ReadOnlyMemory<byte> batches)
    {
        if (_file.IsOpen)
            return ReadFile(limit, maxBytes, ref batches);
        if (_chunk is null)
            return FindPlace(limit);
        if (!_holdsChunk && !(_holdsChunk = _chunk.TryLease()))
        {
            // Remembered, and gone while the consumer slept: the view knows where its bytes are now.
            _chunk = null;
            return Step.Moved;
        }
        return ReadChunk(limit, maxBytes, ref batches);
    }

    private Step FindPlace(long limit)
    {
        if (_view.FindSegment(NextOffset) is { } segment)
            return OpenSegment(segment);
        if (_view.FindChunk(NextOffset) is not { } chunk)
            return Step.Limit;
        if (!chunk.TryLease())
            return Step.Lost;
        Hold(chunk, PositionIn(chunk, limit));
        return _position >= chunk.ClosedLength && chunk.Next is null ? Step.Limit : Step.Moved;
    }

    private Step OpenSegment(LogSegment segment)
    {
        if (!segment.File.TryLease())
            return Step.Lost;
        if (!_file.TryOpen(segment, NextOffset))
            NextOffset = segment.NextOffset;
        return Step.Moved;
    }

    private Step ReadFile(long limit, int maxBytes, ref ReadOnlyMemory<byte> batches)
    {
        if (_file.IsAtEnd)
        {
            // The rest of the segment is a hole.
            NextOffset = Math.Max(NextOffset, _file.Segment.NextOffset);
            _file.Close();
            return Step.Moved;
        }
        batches = _file.Read(NextOffset, limit, maxBytes);
        if (batches.IsEmpty)
            return Step.Limit;
        NextOffset = _file.NextOffset;
        return Step.Read;
    }

    private Step ReadChunk(long limit, int maxBytes, ref ReadOnlyMemory<byte> batches)
    {
        var chunk = _chunk!;
        // After the limit: if the chunk was closed before the limit was published, it is seen closed.
        var closedLength = chunk.ClosedLength;
        if (_position >= closedLength)
            return MoveToNextChunk(chunk);
        var bytes = chunk.Buffer;
        var end = _position;
        // A batch that begins below the limit has been written; without holes the next one begins where the last ended, and a chunk that has any is closed.
        var next = _position == 0 ? chunk.BaseOffset : NextOffset;
        while (end < closedLength && next < limit)
        {
            var size = SizeOf(bytes, end);
            var nextOffset = NextOffsetOf(bytes, end);
            if (nextOffset > limit || (end > _position && end - _position + size > maxBytes))
                break;
            end += size;
            next = nextOffset;
        }
        if (end == _position)
            return Step.Limit;
        batches = bytes.AsMemory(_position, end - _position);
        _position = end;
        NextOffset = next;
        return Step.Read;
    }

    private Step MoveToNextChunk(LogChunk chunk)
    {
        var next = chunk.Next;
        Forget();
        if (next is null)
            return Step.Moved;
        if (!next.TryLease())
            return Step.Moved;
        Hold(next, 0);
        return Step.Moved;
    }

    /// <summary>Where the batch stands in the chunk that holds the next offset or is the first behind it.</summary>
    private int PositionIn(LogChunk chunk, long limit)
    {
        var bytes = chunk.Buffer;
        var closedLength = chunk.ClosedLength;
        var position = 0;
        var begin = chunk.BaseOffset;
        while (position < closedLength && begin < limit)
        {
            begin = NextOffsetOf(bytes, position);
            if (begin > NextOffset)
                break;
            position += SizeOf(bytes, position);
        }
        return position;
    }

    private void Hold(LogChunk chunk, int position)
    {
        _chunk = chunk;
        _holdsChunk = true;
        _position = position;
    }

    private void Forget()
    {
        ReleaseHeld();
        _chunk = null;
    }

    private static int SizeOf(byte[] bytes, int at) =>
        BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + BatchHeader.LengthAt)) + BatchHeader.LengthOverhead;

    private static long NextOffsetOf(byte[] bytes, int at) =>
        BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(at)) + BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + BatchHeader.LastOffsetDeltaAt)) + 1;
}
