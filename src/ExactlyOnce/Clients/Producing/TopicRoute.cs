namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// A topic as one producer sees it: its partitions, and whose turn it is for records without a key. Replaced as a whole when the topic grows.
/// </summary>
internal sealed class TopicRoute(string topic, PartitionAccumulator[] partitions, int firstTurn)
{
    /// <summary>Whose turn it is, and the batches it had sent when its turn began. A race between callers costs a turn and nothing else.</summary>
    private int _turn = firstTurn;
    private PartitionAccumulator _current = partitions[TurnOf(firstTurn, partitions)];
    private int _turnBeganAt = partitions[TurnOf(firstTurn, partitions)].SealCount;

    public string Topic => topic;

    public PartitionAccumulator[] Partitions => partitions;

    public TopicOptions Options => partitions[0].Partition.TopicOptions;

    /// <summary>False when partitions were added since (keys must be spread over all of them, by every producer alike), or the topic was deleted.</summary>
    public bool IsCurrent => Options.Partitions <= partitions.Length && !IsDeleted;

    /// <summary>The topic is gone; one of the same name is another one.</summary>
    public bool IsDeleted => partitions[0].Partition.IsDeleted;

    /// <summary>Nobody comes here any more: sends what is open, to be refused, and whatever was on its way here.</summary>
    public void Abandon()
    {
        foreach (var partition in partitions)
            partition.Abandon();
    }

    /// <exception cref="ArgumentOutOfRangeException">The record, or the partitioner, names a partition that is not there.</exception>
    public PartitionAccumulator Choose(in EncodedRecord record, Partitioner partitioner)
    {
        if (record.Partition != EncodedRecord.NoPartition)
            return At(record.Partition, "The record names");
        if (record.HasKey)
            return At(partitioner(record.Key, partitions.Length), "The partitioner answered");
        return TakeTurn();
    }

    /// <summary>One partition per batch: records without a key stay together until the partition's batch is sent.</summary>
    private PartitionAccumulator TakeTurn()
    {
        var current = _current;
        return current.SealCount == _turnBeganAt ? current : EndTurn();
    }

    private PartitionAccumulator EndTurn()
    {
        _turn++;
        var next = partitions[TurnOf(_turn, partitions)];
        _turnBeganAt = next.SealCount;
        _current = next;
        return next;
    }

    private static int TurnOf(int turn, PartitionAccumulator[] partitions) => (int)((uint)turn % (uint)partitions.Length);

    private PartitionAccumulator At(int partition, string who)
    {
        if ((uint)partition >= (uint)partitions.Length)
            throw new ArgumentOutOfRangeException(
                nameof(partition), partition, $"{who} partition {partition} of topic '{topic}', which has {partitions.Length}.");
        return partitions[partition];
    }
}
