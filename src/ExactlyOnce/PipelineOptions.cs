using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>How a pipeline works. Validated once, when the pipeline is made.</summary>
public sealed class PipelineOptions
{
    /// <summary>How many workers there are: each reads its share of the partitions and has transactions of its own. Default 1.</summary>
    public int Workers { get; set; } = 1;

    /// <summary>The most records in a batch, which is one transaction. Default 500.</summary>
    public int MaxBatchRecords { get; set; } = 500;

    /// <summary>About how many bytes are read at once from a partition. Default 1 MiB.</summary>
    public int MaxBatchBytes { get; set; } = 1024 * 1024;

    /// <summary>How long a partition with fewer records than a batch takes may wait for more. Default zero: whatever is there is a batch.</summary>
    public TimeSpan MaxBatchWait { get; set; }

    /// <summary>How often a batch is tried before it counts as failed. Default 5.</summary>
    public int MaxAttempts { get; set; } = 5;

    /// <summary>How long to wait before the second attempt; doubled for each further one. Default 100 milliseconds.</summary>
    public TimeSpan InitialRetryDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait between two attempts. Default 30 seconds.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>What to do when the attempts are used up. Default <see cref="WhenRetriesExhausted.Stop"/>.</summary>
    public WhenRetriesExhausted WhenRetriesExhausted { get; set; }

    /// <summary>The dead-letter topic's name, for <see cref="WhenRetriesExhausted.DeadLetter"/>.</summary>
    public string? DeadLetterTopic { get; set; }

    /// <summary>Where to begin in a partition that the pipeline has not committed anything of. Default <see cref="StartFrom.Earliest"/>.</summary>
    public StartFrom StartFrom { get; set; }

    /// <summary>Which records are read. Default <see cref="IsolationLevel.ReadCommitted"/>.</summary>
    public IsolationLevel Isolation { get; set; } = IsolationLevel.ReadCommitted;

    /// <summary>What to do about a position that the log does not hold any more. Default: go on at the earliest, with a warning.</summary>
    public WhenOffsetLost WhenOffsetLost { get; set; }

    /// <summary>How long a batch may take before the broker aborts its transaction. Default 60 seconds.</summary>
    public TimeSpan TransactionTimeout { get; set; } = TimeSpan.FromSeconds(60);

    internal PipelineOptions Clone() => (PipelineOptions)MemberwiseClone();

    /// <param name="transactionTimeoutMax">The broker's maximum.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    internal void Validate(TimeSpan transactionTimeoutMax)
    {
        if (Workers < 1)
            throw new ArgumentException($"{nameof(Workers)} is {Workers}; at least 1 is needed.");
        if (MaxAttempts < 1)
            throw new ArgumentException($"{nameof(MaxAttempts)} is {MaxAttempts}; at least 1 is needed.");
        if (MaxBatchWait < TimeSpan.Zero || InitialRetryDelay < TimeSpan.Zero || MaxRetryDelay < InitialRetryDelay)
            throw new ArgumentException("Waits are not negative, and the longest retry delay is not below the initial one.");
        if (MaxBatchWait > SettingLimits.WaitMax || MaxRetryDelay > SettingLimits.WaitMax)
            throw new ArgumentException($"{nameof(MaxBatchWait)} and {nameof(MaxRetryDelay)} are at most {SettingLimits.WaitMax}.");
        if (TransactionTimeout <= TimeSpan.Zero || TransactionTimeout > transactionTimeoutMax)
            throw new ArgumentException(
                $"{nameof(TransactionTimeout)} is {TransactionTimeout}; it must be positive and at most {transactionTimeoutMax} (BrokerOptions.MaxTransactionTimeout).");
        if (!Enum.IsDefined(WhenRetriesExhausted))
            throw new ArgumentException($"{WhenRetriesExhausted} is not a defined policy.");
        if (WhenRetriesExhausted == WhenRetriesExhausted.DeadLetter != DeadLetterTopic is not null)
            throw new ArgumentException("A dead-letter topic and the policy to use it go together: name the topic with DeadLetterTo.");
        if (DeadLetterTopic is not null)
            Topic.ValidateName(DeadLetterTopic, nameof(DeadLetterTopic));
        ToConsumerOptions("pipeline").Validate();
    }

    internal ConsumerOptions ToConsumerOptions(string group) => new()
    {
        Group = group,
        StartFrom = StartFrom,
        Isolation = Isolation,
        WhenOffsetLost = WhenOffsetLost,
        MaxBatchRecords = MaxBatchRecords,
        MaxBatchBytes = MaxBatchBytes,
        MaxBatchWait = MaxBatchWait,
    };

    /// <summary>The wait after the given number of failures.</summary>
    internal TimeSpan DelayAfter(int failures)
    {
        // In floating point: the product may be more than a TimeSpan holds.
        var ticks = InitialRetryDelay.Ticks * Math.Pow(2, Math.Min(failures - 1, 30));
        return ticks < MaxRetryDelay.Ticks ? TimeSpan.FromTicks((long)ticks) : MaxRetryDelay;
    }
}
