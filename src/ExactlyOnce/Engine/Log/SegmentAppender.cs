using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>How a partition's segments are cut.</summary>
internal readonly record struct SegmentLimits(int SegmentBytes, long SegmentAgeMs);

/// <summary>
/// Writes a stretch of a log's tail to its segment files, at a checkpoint: batches straight from the tail's memory, indexes beside them, everything synced before it answers. Nothing that
/// was valid changes: the bytes go behind the valid length of the active segment, or into new files. When it throws, the old segments stand, and the
/// caller seals the active one, so that a file whose sync has failed is never appended to again.
/// </summary>
internal sealed class SegmentAppender(IDisk disk, string directory, SegmentLimits limits)
{
    private readonly List<LogSegment> _segments = [];
    private SegmentWriter? _writer;

    public LogSegment[] Append(
        IReadOnlyList<LogSegment> segments, TailPosition from, TailPosition to, IReadOnlyList<TransactionIndexRow> aborted, long nowMs)
    {
        _segments.AddRange(segments);
        disk.CreateDirectory(directory);
        try
        {
            for (var chunk = from.Chunk; chunk is not null; chunk = chunk == to.Chunk ? null : chunk.Next)
            {
                var start = chunk == from.Chunk ? from.Position : 0;
                var end = chunk == to.Chunk ? to.Position : chunk.ClosedLength;
                AppendChunk(chunk.Buffer.AsMemory(start, end - start), aborted, nowMs);
            }
            Finish(seal: false);
        }
        finally
        {
            _writer?.Dispose();
        }
        disk.SyncDirectory(directory);
        return [.. _segments];
    }

    /// <summary>Writes runs of batches, each run with one write, cut where the segment is full.</summary>
    private void AppendChunk(ReadOnlyMemory<byte> bytes, IReadOnlyList<TransactionIndexRow> aborted, long nowMs)
    {
        var runStart = 0;
        var position = 0;
        while (position < bytes.Length)
        {
            var header = BatchHeader.Read(bytes.Span[position..]);
            if (NeedsRoll(header, position - runStart, nowMs))
            {
                _writer?.Write(bytes.Span[runStart..position]);
                runStart = position;
                Roll(header.BaseOffset, nowMs);
            }
            _writer!.Note(header, position - runStart, aborted);
            position += header.SizeInBytes;
        }
        _writer?.Write(bytes.Span[runStart..]);
    }

    private bool NeedsRoll(in BatchHeader header, int unwritten, long nowMs)
    {
        if (_writer is null && (_segments.Count == 0 || _segments[^1].IsSealed))
            return true;
        _writer ??= SegmentWriter.Continue(disk, _segments[^1], nowMs);
        return _writer.Length + unwritten + header.SizeInBytes > limits.SegmentBytes && _writer.Length + unwritten > 0
            || header.LastOffset - _writer.BaseOffset > int.MaxValue
            || (limits.SegmentAgeMs >= 0 && nowMs - _writer.FirstAppendMs >= limits.SegmentAgeMs && _writer.Length + unwritten > 0);
    }

    private void Roll(long baseOffset, long nowMs)
    {
        Finish(seal: true);
        _writer = SegmentWriter.Create(disk, directory, baseOffset, nowMs);
    }

    private void Finish(bool seal)
    {
        if (_writer is null)
        {
            if (seal && _segments.Count > 0)
                _segments[^1] = _segments[^1] with { IsSealed = true };
            return;
        }
        var finished = _writer.Finish(seal);
        _writer.Dispose();
        _writer = null;
        if (_segments.Count > 0 && _segments[^1].BaseOffset == finished.BaseOffset)
            _segments[^1] = finished;
        else
            _segments.Add(finished);
    }
}
