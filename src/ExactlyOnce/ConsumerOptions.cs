using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>How a consumer reads. Validated once, when the consumer is built.</summary>
public sealed class ConsumerOptions
{
    /// <summary>The longest name a group may have, in characters.</summary>
    public const int MaxGroupLength = 249;

    /// <summary>The consumer group that shares the topic's partitions among its members and remembers committed offsets; null for none.</summary>
    public string? Group { get; set; }

    /// <summary>
    /// Makes the consumer a static member: a consumer that comes back under the same id takes over its partitions without a rebalance and fences the former
    /// one.
    /// </summary>
    public string? InstanceId { get; set; }

    /// <summary>
    /// Exactly these partitions, by index; null for all of the topic's, or those the group assigns. With a group as well, the group only remembers offsets: it
    /// must have no members.
    /// </summary>
    public IReadOnlyList<int>? Partitions { get; set; }

    /// <summary>Where to begin without a committed offset. Default <see cref="StartFrom.Earliest"/>.</summary>
    public StartFrom StartFrom { get; set; }

    /// <summary>Which records are given. Default <see cref="IsolationLevel.ReadCommitted"/>.</summary>
    public IsolationLevel Isolation { get; set; } = IsolationLevel.ReadCommitted;

    /// <summary>What to do about a position that the log does not hold any more. Default <see cref="WhenOffsetLost.Earliest"/>, with a warning.</summary>
    public WhenOffsetLost WhenOffsetLost { get; set; }

    /// <summary>The most records in a batch. Default 500.</summary>
    public int MaxBatchRecords { get; set; } = 500;

    /// <summary>About how many bytes are read at once from a partition; a single larger record is read all the same. Default 1 MiB.</summary>
    public int MaxBatchBytes { get; set; } = 1024 * 1024;

    /// <summary>How the group spreads partitions over its members: <c>uniform</c> (the default) or <c>range</c>.</summary>
    public string Assignor { get; set; } = "uniform";

    /// <summary>
    /// How long the group waits for this consumer to come back for its next batch before it gives a partition it must give up to another member. Default 60
    /// seconds.
    /// </summary>
    public TimeSpan RebalanceTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a partition with fewer than <see cref="MaxBatchRecords"/> records is left alone to fill up. For pipelines.</summary>
    internal TimeSpan MaxBatchWait { get; set; }

    internal ConsumerOptions Clone() => (ConsumerOptions)MemberwiseClone();

    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    internal void Validate()
    {
        if (Group is not null)
            ValidateGroup(Group, nameof(Group));
        if (InstanceId is not null && Group is null)
            throw new ArgumentException("An instance id belongs to a member of a group: name the group with InGroup.");
        if (InstanceId is not null && Partitions is not null)
            throw new ArgumentException("A consumer with partitions of its own is no member of its group and has no instance id.");
        if (InstanceId is { Length: 0 or > MaxGroupLength })
            throw new ArgumentException($"An instance id has 1 to {MaxGroupLength} characters.");
        if (Partitions is not null)
            ValidatePartitions(Partitions);
        if (!Enum.IsDefined(Isolation) || !Enum.IsDefined(WhenOffsetLost))
            throw new ArgumentException("Not a defined isolation level or offset policy.");
        if (MaxBatchRecords < 1)
            throw new ArgumentException($"{nameof(MaxBatchRecords)} is {MaxBatchRecords}; at least 1 is needed.");
        if (MaxBatchBytes < 1)
            throw new ArgumentException($"{nameof(MaxBatchBytes)} is {MaxBatchBytes}; at least 1 is needed.");
        if (Assignor is not ("uniform" or "range"))
            throw new ArgumentException($"There is no assignor '{Assignor}'; there are 'uniform' and 'range'.");
        if (RebalanceTimeout <= TimeSpan.Zero || RebalanceTimeout > SettingLimits.WaitMax)
            throw new ArgumentException($"{nameof(RebalanceTimeout)} is {RebalanceTimeout}; it must be positive and at most {SettingLimits.WaitMax}.");
    }

    internal static void ValidateGroup(string group, string parameter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(group, parameter);
        if (group.Length > MaxGroupLength)
            throw new ArgumentException($"The group name has {group.Length} characters; at most {MaxGroupLength} are allowed.", parameter);
    }

    private static void ValidatePartitions(IReadOnlyList<int> partitions)
    {
        if (partitions.Count == 0)
            throw new ArgumentException("Name at least one partition, or leave the choice out to read all.");
        var seen = new HashSet<int>();
        foreach (var partition in partitions)
        {
            if (partition < 0)
                throw new ArgumentException($"{partition} is not a partition index.");
            if (!seen.Add(partition))
                throw new ArgumentException($"Partition {partition} is named twice.");
        }
    }
}
