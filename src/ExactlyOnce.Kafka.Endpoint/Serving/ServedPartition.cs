using ExactlyOnce.Clients;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>A partition with what a connection needs to serve it.</summary>
internal sealed class ServedPartition(BackendPartition partition)
{
    private TopicOptions? _options;
    private BatchRules? _rules;

    public BackendPartition Partition => partition;

    /// <summary>What the topic, as it is configured now, asks of a batch.</summary>
    public BatchRules Rules
    {
        get
        {
            var options = partition.TopicOptions;
            if (!ReferenceEquals(options, _options))
                (_options, _rules) = (options, RulesOf(options));
            return _rules!;
        }
    }

    /// <summary>The verdict on the leader epoch that a client believes in; −1 when it does not say.</summary>
    public KafkaError CheckLeaderEpoch(int believed) => believed < 0 || believed == partition.LeaderEpoch ? KafkaError.None
        : believed < partition.LeaderEpoch ? KafkaError.FencedLeaderEpoch
        : KafkaError.UnknownLeaderEpoch;

    private static BatchRules RulesOf(TopicOptions options) => new()
    {
        MaxBatchBytes = options.MaxMessageBytes,
        TimestampType = options.TimestampType,
        TimestampMaxAheadMs = options.TimestampMaxAhead == TopicOptions.Forever ? BatchRules.NoLimit : (long)options.TimestampMaxAhead.TotalMilliseconds,
        RequiresKeys = (options.Cleanup & CleanupPolicy.Compact) != 0,
    };
}
