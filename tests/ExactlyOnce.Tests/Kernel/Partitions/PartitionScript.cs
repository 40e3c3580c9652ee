using System.Text;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Golden;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>
/// The commands of the partition scripts:
/// <c>rules</c>, <c>wait ms=</c>, <c>plain count=</c>, <c>produce pid= epoch= seq= count= [txn] [v1|v2: the coordinator enrols] [coordinator] [control]</c>,
/// <c>enrol pid= epoch=</c>, <c>commit|abort pid= epoch= v1|v2 [coordinator=]</c>, <c>log-start offset=</c>, <c>expire</c>, <c>restart</c>,
/// <c>replay</c>, <c>state</c>, <c>aborted from= to=</c>, <c>is-aborted pid= offset=</c>.
/// </summary>
internal sealed class PartitionScript(bool restartsAfterEveryStep)
{
    private PartitionRules _rules = PartitionRules.Default;
    private PartitionUnderTest _partition = new(PartitionRules.Default) { RestartsAfterEveryStep = restartsAfterEveryStep };

    private PartitionState State => _partition.State;

    public string Execute(GoldenCommand command) => command.Verb switch
    {
        "rules" => UseRules(command),
        "wait" => Wait(command),
        "plain" => Describe(_partition.Produce(PartitionUnderTest.Plain(command.Int("count", 1))), command.Int("count", 1)),
        "produce" => Produce(command),
        "enrol" => Enrol(command),
        "commit" => Marker(command, commit: true),
        "abort" => Marker(command, commit: false),
        "log-start" => MoveLogStart(command),
        "expire" => _partition.Expire() is { Count: > 0 } expired ? "expired " + string.Join(' ', expired) : "nothing expired",
        "restart" => Restart(),
        "replay" => Same(_partition.Replay()),
        "state" => DescribeState(),
        "aborted" => Collect(command),
        "is-aborted" => State.Aborted.IsAborted(command.Long("pid"), command.Long("offset")) ? "aborted" : "not aborted",
        _ => throw new InvalidDataException($"'{command.Verb}' is not a command of partition scripts."),
    };

    private string UseRules(GoldenCommand command)
    {
        _rules = new PartitionRules(
            command.Int("window", 5),
            command.Long("expiry", PartitionRules.ProducerExpiryMsDefault),
            command.Int("producers", PartitionRules.MaximumProducersDefault),
            command.Has("strict"));
        _partition = new PartitionUnderTest(_rules) { RestartsAfterEveryStep = restartsAfterEveryStep };
        return "ok";
    }

    private string Wait(GoldenCommand command)
    {
        _partition.NowMs += command.Long("ms");
        return $"now {_partition.NowMs}";
    }

    private string Produce(GoldenCommand command)
    {
        var count = command.Int("count", 1);
        var batch = PartitionUnderTest.Data(
            command.Long("pid"), command.Short("epoch"), command.Int("seq"), count, command.Has("txn"), command.Long("timestamp", _partition.NowMs));
        if (command.Has("control"))
            batch = batch with { Attributes = batch.Attributes | ExactlyOnce.Kernel.Records.BatchAttributes.Control };
        if (command.Named.ContainsKey("records"))
            batch = batch with { RecordCount = command.Int("records") };
        var origin = command.Has("coordinator") ? AppendOrigin.Coordinator : AppendOrigin.Client;
        AppendOrigin? enrolment = command.Has("v1") ? AppendOrigin.ClientEnrolledV1 : command.Has("v2") ? AppendOrigin.ClientEnrolledV2 : null;
        return Describe(_partition.Produce(batch, origin, enrolment), count);
    }

    private string Enrol(GoldenCommand command)
    {
        _partition.Enrol(command.Long("pid"), command.Short("epoch"));
        return "enrolled";
    }

    private string Marker(GoldenCommand command, bool commit)
    {
        var generation = command.Has("v1") ? MarkerGeneration.V1
            : command.Has("v2") ? MarkerGeneration.V2
            : throw new InvalidDataException("A marker says v1 or v2.");
        var offset = State.LogEndOffset;
        var decision = _partition.Marker(command.Long("pid"), command.Short("epoch"), commit, generation, command.Int("coordinator"));
        return decision.Verdict switch
        {
            MarkerVerdict.Append => $"append at {offset}, end {State.LogEndOffset}, stable {State.LastStableOffset}",
            MarkerVerdict.CoordinatorFenced => $"CoordinatorFenced: known coordinator epoch {decision.KnownCoordinatorEpoch}",
            _ => $"{decision.Verdict}: known epoch {decision.KnownEpoch}",
        };
    }

    private string MoveLogStart(GoldenCommand command)
    {
        _partition.MoveLogStart(command.Long("offset"));
        return $"start {State.LogStartOffset}, end {State.LogEndOffset}, stable {State.LastStableOffset}";
    }

    private string Restart()
    {
        var before = State;
        _partition.Restart();
        return Same(before);
    }

    private string Same(PartitionState other) =>
        PartitionUnderTest.SnapshotOf(other).AsSpan().SequenceEqual(PartitionUnderTest.SnapshotOf(State)) ? "same state" : "another state";

    private string Collect(GoldenCommand command)
    {
        var found = new List<AbortedTransaction>();
        var complete = State.Aborted.Collect(command.Long("from"), command.Long("to"), found);
        var output = new StringBuilder();
        foreach (var entry in found)
            output.Append(Describe(entry)).Append('\n');
        if (found.Count == 0)
            output.Append("none\n");
        return output.Append(complete ? "complete" : "later entries may matter").ToString();
    }

    private string Describe(AppendDecision decision, int count) => decision.Verdict switch
    {
        AppendVerdict.Append =>
            $"append at {State.LogEndOffset - count}..{State.LogEndOffset - 1}, end {State.LogEndOffset}, stable {State.LastStableOffset}",
        AppendVerdict.Duplicate => $"duplicate of offset {decision.OriginalBaseOffset}, timestamp {decision.OriginalTimestamp}, appended at time {decision.OriginalAppendTimeMs}",
        AppendVerdict.OutOfOrderSequence =>
            $"OutOfOrderSequence: expected {decision.ExpectedSequence}, last {decision.LastSequence}, epoch {decision.KnownEpoch}",
        AppendVerdict.InvalidProducerEpoch => $"InvalidProducerEpoch: known epoch {decision.KnownEpoch}",
        _ => decision.Verdict.ToString(),
    };

    private string DescribeState()
    {
        var output = new StringBuilder();
        output.Append($"log {State.LogStartOffset}..{State.LogEndOffset}, stable {State.LastStableOffset}, unstable {State.FirstUnstableOffset?.ToString() ?? "none"}\n");
        for (var entry = State.Table.LeastRecent; entry is not null; entry = entry.MoreRecent)
            output.Append(Describe(entry)).Append('\n');
        foreach (var aborted in State.Aborted.Published.Entries)
            output.Append("aborted ").Append(Describe(aborted)).Append('\n');
        return output.ToString();
    }

    private static string Describe(AbortedTransaction entry) =>
        $"pid {entry.ProducerId} first {entry.FirstOffset} last {entry.LastOffset} stable {entry.LastStableOffset}";

    private static string Describe(ProducerEntry entry)
    {
        var line = new StringBuilder($"pid {entry.Id} epoch {entry.Epoch} sequence {entry.Window.LastSequence} batches {entry.Window.Count}");
        if (entry.EnrolledEpoch != ProducerIdentity.NoEpoch)
            line.Append($" enrolled {entry.EnrolledEpoch}");
        if (entry.HasOpenTransaction)
            line.Append($" open from {entry.TransactionFirstOffset}");
        if (entry.CoordinatorEpoch >= 0)
            line.Append($" coordinator {entry.CoordinatorEpoch}");
        return line.ToString();
    }
}
