using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// Reads a partition of the engine as it stands. Each run of batches is leased by a cursor of its own; the last one stays, without its lease, and knows the
/// place where the next read most probably begins.
/// </summary>
internal sealed class EngineRawReader(BrokerEngine engine, Partition partition) : RawReader
{
    private LogCursor? _place;
    private Mark _seen;

    // A batch that did not fit, and how large it is: a fetch over many partitions, with room for one, would read a batch of each from its file and throw it
    // away, time and again.
    private long _refusedAt = -1;
    private int _refusedBytes;

    public override RawRead Read(long offset, IsolationLevel isolation, int maxBytes, bool takesOne)
    {
        // The limit first and the view afterwards: everything below the limit is in the view.
        _seen = partition.VisibleMark;
        var read = new EngineRawRead(this, ToOffsets(_seen));
        var error = engine.IsClosed ? ErrorCode.BrokerClosed
            : partition.IsRetired ? ErrorCode.UnknownTopicOrPartition
            : offset < partition.View.LogStart || offset > _seen.LogEnd ? ErrorCode.OffsetOutOfRange
            : ErrorCode.None;
        if (error != ErrorCode.None)
            return read.Refused(error);
        try
        {
            return Read(read, offset, isolation, maxBytes, takesOne);
        }
        catch (Exception exception) when (exception is StorageException or DamagedStorageException)
        {
            if (exception is DamagedStorageException)
                StorageMeter.RecordCorruption();
            return read.Refused(ErrorCode.StorageFailure);
        }
    }

    public override bool TryWait(Action wake) => !engine.IsClosed && partition.Readers.TryWait(_seen, wake);

    public override void StopWaiting(Action wake) => partition.Readers.StopWaiting(wake);

    public override void Dispose() => _place?.Dispose();

    private EngineRawRead Read(EngineRawRead read, long offset, IsolationLevel isolation, int maxBytes, bool takesOne)
    {
        var isCommitted = isolation == IsolationLevel.ReadCommitted;
        var limit = isCommitted ? _seen.LastStable : _seen.LogEnd;
        var next = offset;
        while (next < limit && (read.Bytes < maxBytes || (takesOne && read.Bytes == 0)))
        {
            var room = takesOne && read.Bytes == 0 ? int.MaxValue : maxBytes - read.Bytes;
            if (next == _refusedAt && _refusedBytes > room)
                break;
            var cursor = TakeCursor(next);
            var found = cursor.TryRead(limit, maxBytes - read.Bytes, out var batches);
            if (found != LogRead.Batches || batches.Length > room)
            {
                (_refusedAt, _refusedBytes) = (next, batches.Length);
                Keep(cursor);
                break;
            }
            read.Add(cursor, batches);
            next = cursor.NextOffset;
        }
        if (isCommitted)
            read.Tell(AbortedAmong(offset, next));
        // The index forgets what lies in front of the log's start. What was read there is given up, because nobody can say any more what of it was aborted.
        return offset < partition.State.LogStartOffset ? read.Refused(ErrorCode.OffsetOutOfRange) : read;
    }

    private AbortedRange[] AbortedAmong(long from, long to)
    {
        if (to <= from || partition.State.Aborted.Count == 0)
            return [];
        var found = new List<AbortedTransaction>();
        partition.State.Aborted.Collect(from, to, found);
        var aborted = new AbortedRange[found.Count];
        for (var i = 0; i < aborted.Length; i++)
            aborted[i] = new AbortedRange(found[i].ProducerId, found[i].FirstOffset);
        Array.Sort(aborted, static (one, other) => one.FirstOffset.CompareTo(other.FirstOffset));
        return aborted;
    }

    private LogCursor TakeCursor(long offset)
    {
        var place = _place;
        _place = null;
        if (place is null)
            return new LogCursor(partition, offset);
        if (place.NextOffset != offset)
            place.Seek(offset);
        return place;
    }

    /// <summary>Takes a cursor back whose bytes are not needed, or no longer.</summary>
    private void Keep(LogCursor cursor)
    {
        cursor.ReleaseHeld();
        _place?.Dispose();
        _place = cursor;
    }

    private static PartitionOffsets ToOffsets(Mark mark) => new(mark.LogStart, mark.LogEnd, mark.LastStable);

    private sealed class EngineRawRead : RawRead
    {
        private readonly EngineRawReader _reader;
        private readonly List<LogCursor> _cursors = [];
        private readonly List<ReadOnlyMemory<byte>> _pieces = [];

        public EngineRawRead(EngineRawReader reader, PartitionOffsets offsets)
        {
            _reader = reader;
            Offsets = offsets;
            Pieces = _pieces;
        }

        public void Add(LogCursor cursor, ReadOnlyMemory<byte> batches)
        {
            _cursors.Add(cursor);
            _pieces.Add(batches);
            Bytes += batches.Length;
        }

        public void Tell(AbortedRange[] aborted) => Aborted = aborted;

        public EngineRawRead Refused(ErrorCode error)
        {
            Dispose();
            Error = error;
            return this;
        }

        public override void Dispose()
        {
            _pieces.Clear();
            Bytes = 0;
            for (var i = 0; i < _cursors.Count; i++)
                if (i == _cursors.Count - 1)
                    _reader.Keep(_cursors[i]);
                else
                    _cursors[i].Dispose();
            _cursors.Clear();
        }
    }
}
