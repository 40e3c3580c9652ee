using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Partitions;

internal enum CursorStatus
{
    /// <summary>A run of batches was read.</summary>
    Read,

    /// <summary>Nothing more to deliver now.</summary>
    AtEnd,

    /// <summary>The position is outside the log.</summary>
    OutOfRange,

    /// <summary>The topic was deleted.</summary>
    Retired,
}

/// <summary>
/// One reader's place in a partition. Takes no lock: the visible LSN once per read, the last mark at or below it, then bytes below that mark's limit. What may
/// not be delivered (markers, aborted batches) is walked over by header. Not thread-safe.
/// </summary>
internal sealed class PartitionCursor : IDisposable
{
    private const int DefaultReadBytes = 256 << 10;

    private readonly Partition _partition;
    private readonly bool _isCommitted;
    private readonly LogCursor _log;
    private Mark _seen;
    private ReadOnlyMemory<byte> _unsorted;

    public PartitionCursor(Partition partition, long offset, IsolationLevel isolation)
    {
        _partition = partition;
        _isCommitted = isolation == IsolationLevel.ReadCommitted;
        _log = new LogCursor(partition, offset, partition.Background);
        _seen = partition.VisibleMark;
        NextOffset = offset;
    }

    /// <summary>The next offset that was neither delivered nor walked over.</summary>
    public long NextOffset { get; private set; }

    private long Limit => _isCommitted ? _seen.LastStable : _seen.LogEnd;

    /// <summary>The next run of contiguous deliverable batches. The memory is valid until the next call.</summary>
    public CursorStatus TryRead(int maxBytes, out ReadOnlyMemory<byte> batches)
    {
        while (true)
        {
            if (!_unsorted.IsEmpty && TryTakeRun(out batches))
                return CursorStatus.Read;
            var status = TryFill(maxBytes);
            if (status == CursorStatus.Read)
                continue;
            batches = default;
            return status;
        }
    }

    public void Seek(long offset)
    {
        _unsorted = default;
        _log.Seek(offset);
        NextOffset = offset;
    }

    /// <summary>Calls <paramref name="wake"/> once when there may be more; answers false when there may be already.</summary>
    public bool TryWait(Action wake) => _unsorted.IsEmpty && _partition.Readers.TryWait(_seen, wake);

    /// <summary>Takes a registration of <see cref="TryWait"/> back.</summary>
    public void StopWaiting(Action wake) => _partition.Readers.StopWaiting(wake);

    /// <summary>The offset of the first deliverable record at or after a time; null when there is none.</summary>
    public long? FindOffset(long timestampMs, BatchDecompressor decompressor) => FindRecord(timestampMs, decompressor)?.Offset;

    /// <summary>The same with its timestamp.</summary>
    public FoundRecord? FindRecord(long timestampMs, BatchDecompressor decompressor) => LogSearch.FindByTimestamp(
        _partition, timestampMs, Math.Max(NextOffset, _partition.View.LogStart), Limit, IsDeliverable, decompressor);

    /// <summary>The first deliverable record with the largest timestamp; null when there is none.</summary>
    public FoundRecord? FindLatest(BatchDecompressor decompressor) =>
        LatestSearch.Find(_partition, Math.Max(NextOffset, _partition.View.LogStart), Limit, IsDeliverable, decompressor);

    /// <summary>How many records are still to be delivered. Moves the cursor to the end.</summary>
    public long CountDeliverable(BatchDecompressor decompressor)
    {
        var from = NextOffset;
        var count = 0L;
        while (TryRead(DefaultReadBytes, out var run) == CursorStatus.Read)
        {
            var batches = new BatchSequence(run.Span);
            while (batches.MoveNext())
                count += batches.Current.BaseOffset >= from
                    ? batches.Current.RecordCount
                    : CountFrom(from, batches.Current, batches.Batch, decompressor);
        }
        return count;
    }

    public void Dispose() => _log.Dispose();

    private CursorStatus TryFill(int maxBytes)
    {
        if (_partition.IsRetired)
            return CursorStatus.Retired;
        _seen = _partition.VisibleMark;
        if (NextOffset < _partition.View.LogStart || NextOffset > _seen.LogEnd)
            return CursorStatus.OutOfRange;
        if (NextOffset >= Limit)
            return CursorStatus.AtEnd;
        switch (_log.TryRead(Limit, maxBytes, out _unsorted))
        {
            case LogRead.Batches:
                return CursorStatus.Read;
            case LogRead.EndOfLimit:
                // Compaction left nothing up to the limit.
                NextOffset = Limit;
                return CursorStatus.AtEnd;
            default:
                return CursorStatus.OutOfRange;
        }
    }

    /// <summary>
    /// Splits the next deliverable run from the bytes at hand, moving past what is not delivered. False when nothing deliverable is left in them.
    /// </summary>
    private bool TryTakeRun(out ReadOnlyMemory<byte> run)
    {
        run = default;
        // First the index, then the log's start: an index without the aborted transactions in front of the start is published after the start has moved. What
        // was read in front of it is given up then, because nobody can say any more what of it was aborted.
        var aborted = _partition.State.Aborted.Published;
        if (NextOffset < _partition.State.LogStartOffset)
        {
            _unsorted = default;
            return false;
        }
        var bytes = _unsorted.Span;
        var position = 0;
        var runStart = -1;
        while (true)
        {
            var at = position;
            if (!BatchSequence.TryReadNext(bytes, ref position, out var header))
                break;
            if (IsDeliverable(header, aborted))
            {
                if (runStart < 0)
                    runStart = at;
            }
            else if (runStart >= 0)
            {
                position = at;
                break;
            }
            NextOffset = Math.Max(NextOffset, header.NextOffset);
        }
        run = runStart < 0 ? default : _unsorted[runStart..position];
        _unsorted = _unsorted[position..];
        return runStart >= 0;
    }

    private bool IsDeliverable(in BatchHeader header) => IsDeliverable(header, _partition.State.Aborted.Published);

    private bool IsDeliverable(in BatchHeader header, AbortedIndex aborted)
    {
        if (header.IsControl || header.RecordCount == 0)
            return false;
        return !_isCommitted || !header.IsTransactional || !aborted.IsAborted(header.Producer.Id, header.BaseOffset);
    }

    private static long CountFrom(long from, in BatchHeader header, ReadOnlySpan<byte> batch, BatchDecompressor decompressor)
    {
        var count = 0L;
        foreach (var record in decompressor.Open(header, batch))
            if (record.Offset >= from)
                count++;
        return count;
    }
}
