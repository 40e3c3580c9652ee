using System.Buffers;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>
/// A partition driven as the engine drives it: decide, apply what was allowed, note it for replay. LSNs count the changes. With
/// <see cref="RestartsAfterEveryStep"/> the state is written to a snapshot and read back after each call.
/// </summary>
internal sealed class PartitionUnderTest(PartitionRules rules)
{
    private readonly List<Action<PartitionState>> _applied = [];
    private long _lsn;

    public PartitionState State { get; private set; } = new(rules);

    public bool RestartsAfterEveryStep { get; init; }

    public long NowMs { get; set; }

    public static BatchHeader Data(long pid, short epoch, int sequence, int count, bool transactional = false, long timestamp = 0) => new()
    {
        Producer = new ProducerIdentity(pid, epoch),
        BaseSequence = sequence,
        LastOffsetDelta = count - 1,
        RecordCount = count,
        Attributes = transactional ? BatchAttributes.Transactional : BatchAttributes.None,
        MaxTimestamp = timestamp,
    };

    public static BatchHeader Plain(int count) => Data(ProducerIdentity.NoId, ProducerIdentity.NoEpoch, Sequence.None, count);

    public static BatchHeader MarkerBatch(long pid, short epoch, long timestamp = 0) => new()
    {
        Producer = new ProducerIdentity(pid, epoch),
        BaseSequence = Sequence.None,
        RecordCount = 1,
        Attributes = BatchAttributes.Transactional | BatchAttributes.Control,
        MaxTimestamp = timestamp,
    };

    public static byte[] SnapshotOf(PartitionState state)
    {
        var buffer = new ArrayBufferWriter<byte>();
        state.WriteSnapshot(buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Decides, and asks again with the coordinator's enrolment when there is one to be had.</summary>
    public AppendDecision Produce(BatchHeader batch, AppendOrigin origin = AppendOrigin.Client, AppendOrigin? enrolment = null)
    {
        var decision = State.Decide(batch, origin);
        if (decision.Verdict == AppendVerdict.NotEnrolled && enrolment is { } enrolled)
            decision = State.Decide(batch, enrolled);
        if (decision.IsAppend)
            ApplyLive(batch, decision);
        Settle();
        return decision;
    }

    public void Enrol(long pid, short epoch)
    {
        var (now, lsn) = (NowMs, ++_lsn);
        Apply(state => state.Enrol(new ProducerIdentity(pid, epoch), now, lsn));
    }

    public MarkerDecision Marker(long pid, short epoch, bool commit, MarkerGeneration generation, int coordinatorEpoch = 0)
    {
        var batch = MarkerBatch(pid, epoch, NowMs);
        var decision = State.DecideMarker(batch.Producer, coordinatorEpoch, generation);
        if (!decision.IsAppend)
            return decision;
        var (now, lsn, offset) = (NowMs, ++_lsn, State.LogEndOffset);
        Apply(state => state.ApplyMarker(batch, commit, coordinatorEpoch, offset, now, lsn));
        return decision;
    }

    public void MoveLogStart(long offset)
    {
        var lsn = ++_lsn;
        Apply(state => state.ApplyLogStart(offset, lsn));
    }

    public IReadOnlyList<long> Expire()
    {
        var expired = State.DecideExpiry(NowMs);
        var lsn = ++_lsn;
        if (expired.Count > 0)
            Apply(state => state.ApplyExpiry(expired, lsn));
        return expired;
    }

    public void Restart(PartitionRules? rulesAfter = null)
    {
        State = PartitionState.ReadSnapshot(SnapshotOf(State), rulesAfter ?? rules);
        State.AssertInvariants();
    }

    /// <summary>A new state after everything that was applied, in the same order.</summary>
    public PartitionState Replay()
    {
        var state = new PartitionState(rules);
        foreach (var apply in _applied)
            apply(state);
        return state;
    }

    private void ApplyLive(BatchHeader batch, AppendDecision decision)
    {
        var (now, lsn, offset) = (NowMs, ++_lsn, State.LogEndOffset);
        State.Apply(batch, decision, offset, now, lsn);
        _applied.Add(state => state.Apply(batch, offset, now, lsn));
    }

    private void Apply(Action<PartitionState> change)
    {
        change(State);
        _applied.Add(change);
        Settle();
    }

    private void Settle()
    {
        State.AssertInvariants();
        if (RestartsAfterEveryStep)
            Restart();
    }
}
