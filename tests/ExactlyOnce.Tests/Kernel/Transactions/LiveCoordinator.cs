using System.Buffers;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>
/// A coordinator as the engine drives it: decide, apply the records, complete. Beside it a replica that only ever sees the records' bytes; after every step
/// both must have the same snapshot, and their invariants must hold.
/// </summary>
internal sealed class LiveCoordinator
{
    public LiveCoordinator(TransactionRules? rules = null)
    {
        Rules = rules ?? TransactionRules.Default;
        State = new TransactionCoordinatorState(Rules);
        Replica = new TransactionCoordinatorState(Rules);
    }

    public TransactionRules Rules { get; }

    public TransactionCoordinatorState State { get; private set; }

    public TransactionCoordinatorState Replica { get; private set; }

    /// <summary>Every marker that was to be written, in order.</summary>
    public List<TransactionMarkers> Markers { get; } = [];

    /// <summary>Carries a decision out; <paramref name="hold"/> leaves an ending transaction in its Prepare state.</summary>
    public TransactionDecision Do(TransactionDecision decision, long nowMs, bool hold = false)
    {
        foreach (var record in decision.Records)
            Apply(record);
        if (decision.Markers is { } markers)
            Markers.Add(markers);
        if (decision.NeedsComplete && !hold)
            Complete(decision.Markers!.TransactionalId, nowMs);
        AssertReplayed();
        return decision;
    }

    public TransactionDecision Complete(string id, long nowMs)
    {
        var complete = State.DecideComplete(id, nowMs);
        complete.Verdict.Should().Be(TransactionVerdict.None);
        return Do(complete, nowMs);
    }

    public void Apply(TransactionRecord record)
    {
        State.Apply(record);
        var bytes = new ArrayBufferWriter<byte>();
        TransactionRecordCodec.Write(record, bytes);
        Replica.Apply(TransactionRecordCodec.Read(bytes.WrittenSpan));
    }

    /// <summary>Everything but the snapshot is gone.</summary>
    public void Reload()
    {
        State = TransactionCoordinatorState.ReadSnapshot(Snapshot(State), Rules);
        Replica = TransactionCoordinatorState.ReadSnapshot(Snapshot(Replica), Rules);
        AssertReplayed();
    }

    public static byte[] Snapshot(TransactionCoordinatorState state)
    {
        var bytes = new ArrayBufferWriter<byte>();
        state.WriteSnapshot(bytes);
        return bytes.WrittenSpan.ToArray();
    }

    private void AssertReplayed()
    {
        State.AssertInvariants();
        Replica.AssertInvariants();
        if (!Snapshot(State).AsSpan().SequenceEqual(Snapshot(Replica)))
            throw new InvalidOperationException("The replayed state differs from the live one.");
    }

    // The calls of most tests: in process unless a client is given.

    public static readonly TransactionClient Local = TransactionClient.InProcess("A");
    public static readonly TransactionClient V1 = TransactionClient.Network(TransactionGeneration.V1, "kafka-1");
    public static readonly TransactionClient V2 = TransactionClient.Network(TransactionGeneration.V2, "kafka-2");

    public static readonly PartitionKey P0 = new(1, 0);
    public static readonly PartitionKey P1 = new(1, 1);

    public TransactionDecision Init(string id, TransactionClient client, long nowMs = 0, ProducerIdentity? expected = null, int timeoutMs = 60_000) =>
        Do(State.DecideInitProducer(new InitProducerCommand(id, client) { Expected = expected ?? ProducerIdentity.None, TimeoutMs = timeoutMs }, nowMs), nowMs);

    public TransactionDecision Enrol(string id, ProducerIdentity identity, TransactionClient client, long nowMs = 0) =>
        Do(State.DecideEnrol(id, identity, [P0], client, nowMs), nowMs);

    public TransactionDecision End(string id, ProducerIdentity identity, bool commit, TransactionClient client, long nowMs = 0, bool hold = false) =>
        Do(State.DecideEnd(id, identity, commit, client, nowMs), nowMs, hold);

    public TransactionDecision Abort(string id, AbortReason reason, long nowMs) => Do(State.DecideAbort(id, reason, "operator-1", nowMs), nowMs);

    /// <summary>An id whose epoch was driven up by thousands of transactions.</summary>
    public ProducerIdentity Plant(string id, short epoch, TransactionClient client)
    {
        var decision = State.DecideInitProducer(new InitProducerCommand(id, client), 0);
        foreach (var record in decision.Records)
            Apply(record is EntryRecord entry ? entry with { Identity = entry.Identity with { Epoch = epoch } } : record);
        return State.TryGet(id)!.Identity;
    }
}
