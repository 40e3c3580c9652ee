namespace ExactlyOnce.Engine.Log;

/// <summary>What a compaction in memory made: new chunks in the place of the tail's first ones.</summary>
internal sealed class CompactedTail
{
    private readonly LogChunk _first;
    private readonly long _end;
    private readonly LogTail? _rewritten;

    internal CompactedTail(LogChunk first, long end, LogTail? rewritten, long compactedTo)
    {
        _first = first;
        _end = end;
        _rewritten = rewritten;
        CompactedTo = compactedTo;
    }

    /// <summary>False when there was nothing to gain: then only <see cref="CompactedTo"/> is news.</summary>
    public bool IsChange => _rewritten is not null;

    /// <summary>The first dirty offset of the next compaction; also noted when nothing changed, or the same part is gone over for ever.</summary>
    public long CompactedTo { get; }

    /// <summary>
    /// Under the partition's lock: puts the chunks into the tail; the caller publishes the view with one more rewrite, and <paramref name="aborted"/> without
    /// the entries whose markers, and so whose data, lie in the rewritten range. False when the front was trimmed meanwhile; then nothing changed.
    /// </summary>
    public bool TryApplyTo(LogTail tail, AbortedList aborted, out AbortedList left)
    {
        left = aborted;
        if (_rewritten is null)
            return false;
        if (tail.TryReplaceFront(_first, _end, _rewritten))
        {
            left = aborted.From(_end);
            return true;
        }
        _rewritten.TrimTo(_rewritten.NextOffset);
        return false;
    }
}
