using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The offset and time index entries of the batches appended to a segment since some point, and what its description must say of them. One entry of each for
/// about every <c>indexIntervalBytes</c> of log, as Kafka's LogSegment.append writes them. Used by whoever writes a segment and by whoever rebuilds its
/// indexes.
/// </summary>
internal sealed class SegmentIndexes
{
    private readonly ArrayBufferWriter<byte> _offsetEntries = new();
    private readonly ArrayBufferWriter<byte> _timeEntries = new();
    private readonly int _indexIntervalBytes;
    private readonly long _baseOffset;
    private long _lastIndexedPosition;
    private long _lastIndexedTimestamp;
    private long _maxTimestamp;
    private long _maxTimestampOffset;

    /// <summary>Goes on behind what <paramref name="segment"/> says is there.</summary>
    public SegmentIndexes(SegmentDescription segment, int indexIntervalBytes)
    {
        _indexIntervalBytes = indexIntervalBytes;
        _baseOffset = segment.BaseOffset;
        _lastIndexedPosition = segment.LastIndexedPosition;
        _lastIndexedTimestamp = segment.LastIndexedTimestamp;
        _maxTimestamp = segment.MaxTimestamp;
        _maxTimestampOffset = segment.MaxTimestampOffset;
    }

    public ReadOnlySpan<byte> OffsetEntries => _offsetEntries.WrittenSpan;

    public ReadOnlySpan<byte> TimeEntries => _timeEntries.WrittenSpan;

    /// <summary>Counts a batch that stands, or will stand, at <paramref name="position"/>.</summary>
    public void Add(in BatchHeader header, long position)
    {
        if (header.MaxTimestamp > _maxTimestamp)
        {
            _maxTimestamp = header.MaxTimestamp;
            _maxTimestampOffset = header.LastOffset;
        }
        if (position - Math.Max(_lastIndexedPosition, 0) <= _indexIntervalBytes)
            return;
        _lastIndexedPosition = position;
        OffsetIndex.Append(_offsetEntries, RelativeOffset(header.LastOffset), (int)position);
        AddTime();
    }

    /// <summary>Adds the largest timestamp as the last entry of a segment that is sealed.</summary>
    public void Seal() => AddTime();

    /// <summary>The description with these entries behind those it has.</summary>
    public SegmentDescription Describe(SegmentDescription segment) => segment with
    {
        OffsetIndexLength = segment.OffsetIndexLength + _offsetEntries.WrittenCount,
        TimeIndexLength = segment.TimeIndexLength + _timeEntries.WrittenCount,
        TimeIndexCrc = Crc32C.Append(segment.TimeIndexCrc, _timeEntries.WrittenSpan),
        LastIndexedPosition = (int)_lastIndexedPosition,
        LastIndexedTimestamp = _lastIndexedTimestamp,
        MaxTimestamp = _maxTimestamp,
        MaxTimestampOffset = _maxTimestampOffset,
    };

    // Timestamps strictly grow, and the offset of a larger maximum lies behind that of a smaller one.
    private void AddTime()
    {
        if (_maxTimestamp <= _lastIndexedTimestamp)
            return;
        _lastIndexedTimestamp = _maxTimestamp;
        TimeIndex.Append(_timeEntries, _maxTimestamp, RelativeOffset(_maxTimestampOffset));
    }

    private int RelativeOffset(long offset) => checked((int)(offset - _baseOffset));
}
