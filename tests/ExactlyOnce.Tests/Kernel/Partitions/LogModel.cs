using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Tests.Kernel.Partitions;

internal enum LogItemKind
{
    Plain,
    Data,
    Commit,
    Abort,
}

/// <summary>One batch of a log, one record long.</summary>
internal readonly record struct LogItem(long Pid, LogItemKind Kind)
{
    public bool IsMarker => Kind is LogItemKind.Commit or LogItemKind.Abort;

    public override string ToString() => $"{Kind}({Pid})";
}

/// <summary>The slow and obvious account of a log: every answer is a fold over the whole list. The item at index i stands at offset i.</summary>
internal sealed class LogModel
{
    private readonly List<LogItem> _items = [];

    public long End => _items.Count;

    public long Start { get; set; }

    public LogItem this[long offset] => _items[(int)offset];

    public void Add(LogItem item) => _items.Add(item);

    public long LastStableOffset
    {
        get
        {
            for (var offset = 0; offset < _items.Count; offset++)
            {
                if (_items[offset].Kind == LogItemKind.Data && MarkerOf(offset) < 0)
                    return Math.Max(offset, Start);
            }
            return End;
        }
    }

    public bool IsAborted(long offset) =>
        _items[(int)offset].Kind == LogItemKind.Data && MarkerOf(offset) is var marker and >= 0 && _items[(int)marker].Kind == LogItemKind.Abort;

    /// <summary>What a committed reader gets of [from, to).</summary>
    public IEnumerable<long> Committed(long from, long to)
    {
        for (var offset = from; offset < to; offset++)
        {
            if (!_items[(int)offset].IsMarker && !IsAborted(offset))
                yield return offset;
        }
    }

    /// <summary>The aborted index over the whole log.</summary>
    public List<AbortedTransaction> AbortedIndex()
    {
        var index = new List<AbortedTransaction>();
        for (var offset = 0; offset < _items.Count; offset++)
        {
            if (_items[offset].Kind != LogItemKind.Abort || FirstOffsetEndedBy(offset) is not (>= 0 and var first))
                continue;
            index.Add(new AbortedTransaction(_items[offset].Pid, first, offset, StableAfter(offset)));
        }
        return index;
    }

    private long MarkerOf(long dataOffset)
    {
        for (var offset = dataOffset + 1; offset < _items.Count; offset++)
        {
            if (_items[(int)offset].Pid == _items[(int)dataOffset].Pid && _items[(int)offset].IsMarker)
                return offset;
        }
        return -1;
    }

    private long FirstOffsetEndedBy(long markerOffset)
    {
        for (var offset = 0L; offset < markerOffset; offset++)
        {
            if (_items[(int)offset].Kind == LogItemKind.Data && MarkerOf(offset) == markerOffset)
                return offset;
        }
        return -1;
    }

    private long StableAfter(long markerOffset)
    {
        for (var offset = 0L; offset < markerOffset; offset++)
        {
            if (_items[(int)offset].Kind == LogItemKind.Data && MarkerOf(offset) is var marker && (marker < 0 || marker > markerOffset))
                return offset;
        }
        return markerOffset + 1;
    }
}
