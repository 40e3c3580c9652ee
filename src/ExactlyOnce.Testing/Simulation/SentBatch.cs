using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>What a sender knows of a batch.</summary>
internal enum BatchFate
{
    Pending,
    Acknowledged,
    Refused,

    /// <summary>The broker died or failed before it answered: only the same batch once more can tell.</summary>
    Unknown,
}

/// <summary>One batch of a simulated producer, signed once and sent as often as its sender likes: the same bytes every time.</summary>
internal sealed class SentBatch
{
    private readonly SimulatedBroker _broker;
    private readonly SignedBatch _signed;
    private readonly long[] _writes;

    private SentBatch(SimulatedBroker broker, Partition partition, SignedBatch signed, long[] writes)
    {
        _broker = broker;
        _signed = signed;
        _writes = writes;
        Partition = partition;
        SentWallMs = broker.Clock.WallMs;
        SentForwardMs = broker.Clock.ForwardMs;
    }

    public Partition Partition { get; private set; }

    public long SentWallMs { get; }

    public long SentForwardMs { get; }

    public BatchFate Fate { get; private set; } = BatchFate.Pending;

    public int Count => _writes.Length;

    /// <summary>Names by which the topic remembers its records; null for records without.</summary>
    public IReadOnlyList<string?>? MessageIds { get; init; }

    /// <summary>Signs a batch and notes its records as asked for.</summary>
    public static SentBatch Sign(
        SimulatedBroker broker, BatchDraft draft, ProducerIdentity producer, int sequence, int process, SimulationRandom random, bool hasMessageIds = false)
    {
        var batch = new BatchWriter(512);
        var partition = broker.NameOf(draft.Partition);
        var isStamped = draft.Partition.Options.TimestampType == TimestampType.LogAppendTime;
        var writes = new long[draft.Writes.Count];
        var nowMs = broker.Clock.WallMs;
        for (var i = 0; i < writes.Length; i++)
        {
            var write = draft.Writes[i] with { Partition = partition, TimestampMs = isStamped ? null : nowMs };
            RecordSignature.Append(batch, write.Value, write.Key, random.Below(broker.Plan.ValueBytesMax), write.IsTombstone, nowMs, isStamped);
            writes[i] = broker.Invoke(process, write);
        }
        var codec = random.OneIn(20) ? broker.Engine.Codecs.Get(CompressionType.Gzip) : null;
        var signed = SignedBatch.Seal(batch, producer, sequence, isTransactional: draft.Writes[0].Transaction is not null, codec);
        return new SentBatch(broker, draft.Partition, signed, writes)
        {
            MessageIds = hasMessageIds ? [.. draft.Writes.Select(write => $"message {write.Value}")] : null,
        };
    }

    /// <summary>Nobody will answer any more.</summary>
    public void Lose()
    {
        if (Fate == BatchFate.Pending)
            Fate = BatchFate.Unknown;
    }

    /// <summary>The broker's word on the batch, when it has one, at once or later.</summary>
    public Delivery Deliver(int process, bool isRetry, ProducerSession? session = null, Partition? elsewhere = null)
    {
        var operations = isRetry ? Array.ConvertAll(_writes, write => _broker.Invoke(process, new RetryWrite(write))) : _writes;
        if (Fate != BatchFate.Acknowledged)
            Fate = BatchFate.Pending;
        var delivery = new Delivery(this, process, operations, isRetry)
        {
            Session = session,
            Partition = new EnginePartition(_broker.Engine, elsewhere ?? Partition),
            MessageIds = MessageIds,
        };
        _signed.Sign(delivery);
        return delivery;
    }

    /// <summary>Finds the partition again in the broker's next life. False when it is gone.</summary>
    public bool TryFindPartition()
    {
        if (_broker.Engine.Partitions.Find(Partition.Key) is not { } partition || partition.TopicId != Partition.TopicId)
            return false;
        Partition = partition;
        return true;
    }

    private void Settle(Delivery delivery)
    {
        var (outcome, knows) = delivery.Outcome switch
        {
            { Error: ErrorCode.None } or { DuplicateMessages: not null } => (Outcome.Ok, BatchFate.Acknowledged),
            { Exception: { } exception } when SimulatedBroker.OutcomeOf(exception) == Outcome.Unknown => (Outcome.Unknown, BatchFate.Unknown),
            _ => (Outcome.Failed, BatchFate.Refused),
        };
        if (Fate != BatchFate.Acknowledged)
            Fate = knows;
        for (var i = 0; i < delivery.Operations.Length; i++)
            _broker.Complete(
                delivery.Process, delivery.Operations[i], outcome,
                outcome == Outcome.Ok ? AnswerOf(delivery.Outcome, i) : null,
                outcome == Outcome.Ok ? null : delivery.Outcome.Error.ToString());
    }

    /// <summary>Ids that were accepted in one batch are known all of them, or none.</summary>
    private static WriteAnswer AnswerOf(in AppendOutcome outcome, int position)
    {
        if (outcome.DuplicateMessages is not { } known)
            return new WriteAnswer(outcome.BaseOffset + position, outcome.IsDuplicate);
        return known.TryGetValue(position, out var offset)
            ? new WriteAnswer(offset, IsDuplicate: true)
            : throw new SimulationFailedException("I14", $"Of a batch that is repeated {known.Count} message ids are known, and the one at {position} is not.");
    }

    /// <summary>One sending of the batch.</summary>
    internal sealed class Delivery(SentBatch batch, int process, long[] operations, bool isRetry) : AppendOperation
    {
        public int Process => process;

        public long[] Operations => operations;

        public bool IsRetry => isRetry;

        public override void OnCompleted() => batch.Settle(this);

        public void Send()
        {
            if (((EnginePartition)Partition!).Append(this) == AppendStatus.Completed)
                OnCompleted();
        }
    }
}

/// <summary>A batch that is not signed yet.</summary>
/// <param name="Partition">Where to.</param>
/// <param name="Writes">Its records.</param>
internal sealed record BatchDraft(Partition Partition, IReadOnlyList<Write> Writes);
