using System.Diagnostics;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Writes a partition's tail to its segment files at a checkpoint, and syncs them. One for each partition; called by the checkpoint alone, without any lock.
/// <para>
/// Exceptions: whatever the disk refuses comes out as a <see cref="StorageException"/>. Then the segments from before stay what is true, their valid lengths
/// say so, and the next call writes everything again into new files: a file whose write or sync failed is not trusted with one byte more.
/// </para>
/// </summary>
internal sealed class SegmentAppender
{
    private readonly IDisk _disk;
    private readonly string _directory;
    private bool _mustBeginNewFile;

    /// <param name="disk">Where.</param>
    /// <param name="directory">The partition's directory; created with the first segment.</param>
    /// <param name="beginNewFile">
    /// True after an unclean end: what was replayed is made durable in new files, because the page cache may hold bytes of the old ones that the disk does not.
    /// </param>
    public SegmentAppender(IDisk disk, string directory, bool beginNewFile)
    {
        _disk = disk;
        _directory = directory;
        _mustBeginNewFile = beginNewFile;
    }

    /// <summary>
    /// Appends the slice to the last of <paramref name="segments"/>, rolling where the rules say so, and answers the new list. Everything it names is synced.
    /// </summary>
    /// <param name="segments">The partition's segments now; the slice begins where they end.</param>
    /// <param name="slice">What to write, held by the caller.</param>
    /// <param name="aborted">Aborted transactions not in a segment yet; those with a marker in the slice are written.</param>
    /// <param name="rules">The topic's rules now.</param>
    public LogSegment[] Append(IReadOnlyList<LogSegment> segments, TailSlice slice, ReadOnlySpan<AbortedEntry> aborted, SegmentRules rules)
    {
        Debug.Assert(segments.Count == 0 || segments[^1].NextOffset <= slice.From, "A slice begins where the files end.");
        if (slice.From == slice.To)
            return [.. segments];
        var failed = true;
        try
        {
            if (segments.Count == 0)
                DurableDirectory.Create(_disk, _directory);
            using var run = new Run(this, segments, aborted, rules);
            foreach (var piece in slice.Runs)
                run.Append(piece);
            var appended = run.Finish(slice.To);
            failed = false;
            return appended;
        }
        finally
        {
            _mustBeginNewFile = failed;
        }
    }

    /// <summary>
    /// Seals the open segment, so that it can be compacted or deleted; the next append begins a new one. Nothing is written but its last index entry.
    /// </summary>
    public LogSegment[] Seal(IReadOnlyList<LogSegment> segments, SegmentRules rules)
    {
        if (segments.Count == 0 || segments[^1].Description.IsSealed)
            return [.. segments];
        var failed = true;
        try
        {
            using var writer = SegmentWriter.Continue(segments[^1], rules);
            LogSegment[] sealedSegments = [.. segments.Take(segments.Count - 1), writer.Finish(segments[^1].NextOffset, seal: true)];
            if (writer.HasNewFiles)
                _disk.SyncDirectory(_directory);
            failed = false;
            return sealedSegments;
        }
        finally
        {
            _mustBeginNewFile |= failed;
        }
    }

    /// <summary>One call of <see cref="SegmentAppender.Append"/>.</summary>
    private ref struct Run : IDisposable
    {
        private readonly SegmentAppender _appender;
        private readonly SegmentRules _rules;
        private readonly List<LogSegment> _finished;
        private ReadOnlySpan<AbortedEntry> _aborted;
        private SegmentWriter? _writer;
        private bool _hasNewFiles;

        public Run(SegmentAppender appender, IReadOnlyList<LogSegment> segments, ReadOnlySpan<AbortedEntry> aborted, SegmentRules rules)
        {
            _appender = appender;
            _rules = rules;
            _finished = [.. segments];
            _aborted = aborted;
            if (_finished.Count == 0 || _finished[^1].Description.IsSealed)
                return;
            var open = _finished[^1];
            _finished.RemoveAt(_finished.Count - 1);
            if (appender._mustBeginNewFile)
                _finished.Add(new LogSegment(open.File, open.Description with { IsSealed = true }, open.AbortedEntries));
            else
                _writer = SegmentWriter.Continue(open, rules);
        }

        public void Append(TailRun piece)
        {
            var bytes = piece.Bytes.Span;
            var (start, end) = (0, 0);
            while (end < bytes.Length)
            {
                var header = BatchHeader.Read(bytes[end..]);
                if (_writer is not null && _writer.MustRollBefore(header, piece.LastAppendMs))
                {
                    _writer.Write(bytes[start..end]);
                    Roll(header.BaseOffset);
                    start = end;
                }
                _writer ??= SegmentWriter.Create(_appender._disk, _appender._directory, header.BaseOffset, hasHoles: false, _rules);
                _writer.Add(header, piece.LastAppendMs);
                TakeAborted(header.NextOffset);
                end += header.SizeInBytes;
            }
            _writer?.Write(bytes[start..]);
        }

        public LogSegment[] Finish(long nextOffset)
        {
            if (_writer is not null)
                Finish(_writer, nextOffset, seal: false);
            // One sync of the directory covers every file that was created, and indexes come with their first entry.
            if (_hasNewFiles)
                _appender._disk.SyncDirectory(_appender._directory);
            return [.. _finished];
        }

        public readonly void Dispose() => _writer?.Dispose();

        private void Roll(long nextOffset)
        {
            Finish(_writer!, nextOffset, seal: true);
            _writer!.Dispose();
            _writer = null;
        }

        private void Finish(SegmentWriter writer, long nextOffset, bool seal)
        {
            _finished.Add(writer.Finish(nextOffset, seal));
            _hasNewFiles |= writer.HasNewFiles;
        }

        private void TakeAborted(long nextOffset)
        {
            while (!_aborted.IsEmpty && _aborted[0].LastOffset < nextOffset)
            {
                _writer!.AddAborted(_aborted[0]);
                _aborted = _aborted[1..];
            }
        }
    }
}
