namespace ExactlyOnce.Confluent.Consuming;

/// <summary>What is read of a consumer's configuration, with librdkafka's defaults.</summary>
internal sealed class ConsumerSettings : ClientSettings
{
    public ConsumerSettings(IEnumerable<KeyValuePair<string, string>> config)
        : base(config, "consumer")
    {
        Group = Text("group.id") ?? throw new ArgumentException("'group.id' configuration parameter is required and was not specified.", nameof(config));
        InstanceId = Text("group.instance.id");
        IsAutoCommit = Flag("enable.auto.commit", otherwise: true);
        IsAutoStore = Flag("enable.auto.offset.store", otherwise: true);
        AutoCommitInterval = TimeSpan.FromMilliseconds(Number("auto.commit.interval.ms", otherwise: 5_000));
        TellsPartitionEnd = Flag("enable.partition.eof", otherwise: false);
        MayCreateTopics = Flag("allow.auto.create.topics", otherwise: false);
        Isolation = Text("isolation.level") == "read_uncommitted" ? IsolationLevel.ReadUncommitted : IsolationLevel.ReadCommitted;
        IsCooperative = (Text("partition.assignment.strategy") ?? "").Contains("cooperative", StringComparison.Ordinal);
        Assignor = (Text("partition.assignment.strategy") ?? "range").Contains("range", StringComparison.Ordinal) ? "range" : "uniform";
        Reset = Text("auto.offset.reset") switch
        {
            "earliest" or "beginning" or "smallest" => OffsetReset.Earliest,
            "error" => OffsetReset.Error,
            _ => OffsetReset.Latest,
        };
    }

    public string Group { get; }

    public string? InstanceId { get; }

    public bool IsAutoCommit { get; }

    public bool IsAutoStore { get; }

    public TimeSpan AutoCommitInterval { get; }

    public bool TellsPartitionEnd { get; }

    public bool MayCreateTopics { get; }

    public IsolationLevel Isolation { get; }

    /// <summary>Only what changes hands is revoked and assigned; otherwise everything is, each time.</summary>
    public bool IsCooperative { get; }

    public string Assignor { get; }

    public OffsetReset Reset { get; }
}

/// <summary>Where to begin without a committed offset, and where to go on when the offset is gone.</summary>
internal enum OffsetReset
{
    Earliest,
    Latest,
    Error,
}
