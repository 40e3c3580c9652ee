using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>
/// The engine behind a Kafka endpoint: verdicts go out as Kafka's numbers. Decisions are taken on the caller's thread, answers wait for the LSN they relied on;
/// joins and syncs also for their group. Many endpoints may share a broker; the last one's settings hold.
/// </summary>
/// <remarks>Cut along the port: Transactions, Classic, Consumers, Offsets.</remarks>
internal sealed partial class EngineWireBackend : WireBackend
{
    private readonly BrokerEngine _engine;
    private readonly WireSettings _settings;

    public EngineWireBackend(BrokerEngine engine, WireSettings settings)
    {
        _engine = engine;
        _settings = settings;
        ClusterId = engine.Identity.Read();
        lock (engine.State.Lock)
            engine.State.Groups.Settings = Merge(engine.State.Groups.Settings, settings);
    }

    public override string ClusterId { get; }

    public override void OpenCoordinator(bool isOfGroups)
    {
        _engine.ThrowIfClosed();
        // A journal that has failed takes no topic, and the coordinator is where it was all the same.
        if (_engine.Journal.Failure is null)
            _engine.EnsureInternalTopic(isOfGroups ? InternalTopicNames.ConsumerOffsets : InternalTopicNames.TransactionState);
    }

    private static GroupSettings Merge(GroupSettings broker, WireSettings chosen) => broker with
    {
        InitialRebalanceDelayMs = Milliseconds(chosen.InitialRebalanceDelay),
        MinSessionTimeoutMs = Milliseconds(chosen.SessionTimeoutMin),
        MaxSessionTimeoutMs = Milliseconds(chosen.SessionTimeoutMax),
        ConsumerSessionTimeoutMs = Milliseconds(chosen.ConsumerSessionTimeout),
        MembersMax = chosen.GroupMembersMax,
        OffsetMetadataCharsMax = chosen.OffsetMetadataCharsMax,
    };

    private static int Milliseconds(TimeSpan time) => (int)Math.Clamp(time.TotalMilliseconds, 0, int.MaxValue);

    /// <summary>What a query says waits, as every reply does, for the state it relied on.</summary>
    private async ValueTask<T> QueryAsync<T>(Func<CoordinationState, T> query)
    {
        _engine.ThrowIfClosed();
        T found;
        long lsn;
        lock (_engine.State.Lock)
            (found, lsn) = (query(_engine.State), _engine.State.AppliedLsn);
        await VisibilityWait.For(_engine, lsn);
        return found;
    }

    // A journal that has failed will never make anything durable: better no change at all than one that nobody can be told of.
    private void ThrowIfUnable()
    {
        _engine.ThrowIfClosed();
        _engine.Journal.ThrowIfFailed();
    }

    private PartitionKey? KeyOf(TopicPartition partition) => _engine.Partitions.Find(partition)?.Key;

    private static ErrorCode[] Every(int count, ErrorCode error)
    {
        var errors = new ErrorCode[count];
        Array.Fill(errors, error);
        return errors;
    }
}
