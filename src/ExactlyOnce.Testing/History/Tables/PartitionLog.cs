namespace ExactlyOnce.Testing.History.Tables;

/// <summary>
/// L_p: which write stands at which offset of a partition, as far as anybody has said, and what was allowed to be removed of it. 4 bytes per record.
/// </summary>
internal sealed class PartitionLog(int index, TopicPartition partition)
{
    private readonly PagedArray<int> _rows = new();
    private readonly List<(long Operation, long Before)> _deletions = [];
    private long _removedBefore;

    public int Index => index;

    public TopicPartition Partition => partition;

    /// <summary>One past the last offset anybody has spoken of.</summary>
    public long End { get; private set; }

    /// <summary>What read_committed readers have read, ever: what is decided and can get no other content.</summary>
    public OffsetRanges ReadCommitted { get; } = new();

    /// <summary>The last offset that was acknowledged and is committed: where every reader has to reach.</summary>
    public RisingBound Acknowledged { get; } = new();

    /// <summary>Its topic was deleted: nothing needs to be there.</summary>
    public bool IsDeleted { get; set; }

    /// <summary>First offset that no compaction has looked at.</summary>
    public long CleanedTo { get; set; }

    /// <summary>
    /// A power cut of a less durable broker: whether what stands at <see cref="DoubtFrom"/> and behind, up to <see cref="DoubtTo"/>, is still there is
    /// not known yet.
    /// </summary>
    public long DoubtFrom { get; private set; }

    public long DoubtTo { get; private set; }

    /// <summary>The end that a power cut cannot reach, as last observed.</summary>
    public long DurableEnd { get; set; }

    /// <summary>The last event at which the whole log was durable; transactions that were committed before survive a power cut.</summary>
    public int AllDurableAt { get; set; } = -1;

    /// <summary>The life of the broker in which a read_committed reader last read everything from the start.</summary>
    public int LastFullReadLife { get; set; } = -1;

    /// <summary>Everything in front may be gone: retention, and deletions that were asked for and not refused.</summary>
    public long RemovedBefore
    {
        get
        {
            var before = _removedBefore;
            foreach (var deletion in _deletions)
                before = Math.Max(before, deletion.Before);
            return before;
        }
    }

    public bool IsInDoubt(long offset) => offset >= DoubtFrom && offset < DoubtTo;

    /// <summary>The row at an offset, or −1.</summary>
    public int RowAt(long offset) => offset < 0 ? -1 : _rows.Peek(offset) - 1;

    public void Place(long offset, int row)
    {
        _rows[offset] = row + 1;
        End = Math.Max(End, offset + 1);
    }

    /// <summary>The next offset from <paramref name="from"/> on whose row is known; −1 when there is none in front of <paramref name="to"/>.</summary>
    public long NextKnown(long from, long to)
    {
        to = Math.Min(to, End);
        for (var offset = Math.Max(0, from); offset < to; offset++)
        {
            if (_rows.Peek(offset) != 0)
                return offset;
            if ((offset & 127) == 0)
                offset = _rows.SkipUnused(offset, to) is var next && next > offset ? next - 1 : offset;
        }
        return -1;
    }

    public void Retain(long logStart) => _removedBefore = Math.Max(_removedBefore, logStart);

    public void AskDeletion(long operation, long before) => _deletions.Add((operation, before < 0 ? End : before));

    public void AnswerDeletion(long operation, Outcome outcome, long logStart)
    {
        var asked = _deletions.FindIndex(deletion => deletion.Operation == operation);
        if (asked < 0 || outcome == Outcome.Unknown)
            return;
        if (outcome == Outcome.Ok)
            Retain(Math.Max(logStart, _deletions[asked].Before));
        _deletions.RemoveAt(asked);
    }

    public void DoubtTail() => (DoubtFrom, DoubtTo) = (Math.Min(DurableEnd, End), End);

    /// <summary>What stands at an offset in doubt is there: so is everything in front of it.</summary>
    public void Confirm(long offset)
    {
        if (IsInDoubt(offset))
            DoubtFrom = offset + 1;
    }

    /// <summary>The log ended in front of an offset: what was known from there on is no more. Its rows are returned.</summary>
    public List<int> CutAt(long end)
    {
        var lost = new List<int>();
        for (var offset = NextKnown(end, End); offset >= 0; offset = NextKnown(offset + 1, End))
        {
            lost.Add(RowAt(offset));
            _rows[offset] = 0;
        }
        End = Math.Min(End, end);
        DoubtTo = DoubtFrom;
        ReadCommitted.CutAt(end);
        Acknowledged.Lower(end - 1);
        return lost;
    }

    /// <summary>Everything is gone and begins again.</summary>
    public void Forget()
    {
        CutAt(0);
        _rows.Clear();
        _deletions.Clear();
        (_removedBefore, CleanedTo, DurableEnd, DoubtFrom, DoubtTo) = (0, 0, 0, 0, 0);
        IsDeleted = false;
    }
}
