namespace ExactlyOnce.Engine.Log;

/// <summary>
/// What a compaction of files made: new segments in the place of old ones. The caller puts the list into a checkpoint, and when that is durable publishes the
/// view with one more rewrite and retires the old files. If the checkpoint is known not to have happened, the new ones are discarded; if nobody knows, both
/// stay and the next opening tells.
/// </summary>
internal sealed class CompactedSegments
{
    internal CompactedSegments(IReadOnlyList<LogSegment> replaced, LogSegment[]? segments, long compactedTo)
    {
        IsChange = segments is not null;
        Replaced = IsChange ? replaced : [];
        Segments = segments ?? [];
        CompactedTo = compactedTo;
    }

    /// <summary>False when there was nothing to gain: then only <see cref="CompactedTo"/> is news.</summary>
    public bool IsChange { get; }

    public IReadOnlyList<LogSegment> Replaced { get; }

    public IReadOnlyList<LogSegment> Segments { get; }

    /// <summary>The first dirty offset of the next compaction; also noted when nothing changed, or the same part is gone over for ever.</summary>
    public long CompactedTo { get; }

    /// <summary>The new list; null when <paramref name="current"/> no longer begins with the old segments, because retention took some.</summary>
    public LogSegment[]? ApplyTo(IReadOnlyList<LogSegment> current)
    {
        if (current.Count < Replaced.Count)
            return null;
        for (var i = 0; i < Replaced.Count; i++)
        {
            if (current[i].File != Replaced[i].File)
                return null;
        }
        return [.. Segments, .. current.Skip(Replaced.Count)];
    }

    /// <summary>Lets go of the old files, once no checkpoint and no current view names them.</summary>
    public void RetireReplaced()
    {
        foreach (var segment in Replaced)
            segment.File.Retire();
    }

    /// <summary>Lets go of the new files instead.</summary>
    public void Discard()
    {
        foreach (var segment in Segments)
            segment.File.Retire();
    }
}
