namespace ExactlyOnce.Sql.Sinks;

/// <summary>
/// What a sink knows of a partition that it took over: its epoch, and what its row says as far as it knows. Lives until the partition is taken over again, by
/// whomever. Written by the worker that has the partition.
/// </summary>
internal sealed class PartitionClaim(TopicPartition partition, StoredOffset row)
{
    private long _doubtfulOffset = StoredOffset.None;
    private long _settledFrom = long.MaxValue;

    public TopicPartition Partition { get; } = partition;

    public long Epoch { get; } = row.Epoch;

    public long NextOffset { get; private set; } = row.NextOffset;

    /// <summary>Something was written under this claim, so that the row has moved since the pipeline was told its position.</summary>
    public bool HasMoved { get; private set; }

    /// <summary>A commit was tried and its answer did not come: only the row knows.</summary>
    public bool IsInDoubt => _doubtfulOffset != StoredOffset.None;

    /// <summary>From here on the row may say this, until <see cref="Advance"/> or <see cref="Settle"/>.</summary>
    public void BeginCommit(long nextOffset) => _doubtfulOffset = nextOffset;

    public void Advance(long nextOffset)
    {
        NextOffset = nextOffset;
        HasMoved = true;
        _doubtfulOffset = StoredOffset.None;
        _settledFrom = long.MaxValue;
    }

    /// <summary>The row was read, and nobody else can have written it: it says whether the commit in doubt took place.</summary>
    public void Settle(StoredOffset row)
    {
        if (row.NextOffset == _doubtfulOffset && row.NextOffset != NextOffset)
        {
            _settledFrom = NextOffset;
            HasMoved = true;
        }
        NextOffset = row.NextOffset;
        _doubtfulOffset = StoredOffset.None;
    }

    /// <summary>
    /// The records from one offset to another are in the database by a commit whose answer was lost: there is nothing left to do for them. Without records (the
    /// two are the same) only when the row is exactly there: a step to a record that is written is not.
    /// </summary>
    public bool IsSettled(long firstOffset, long nextOffset) =>
        firstOffset >= _settledFrom && (firstOffset < nextOffset ? nextOffset <= NextOffset : nextOffset == NextOffset);
}
