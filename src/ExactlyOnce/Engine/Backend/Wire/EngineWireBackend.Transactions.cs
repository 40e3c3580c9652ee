using System.Text.RegularExpressions;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <content>Transactions of both generations. The kernel's tables decide; here numbers are chosen where Kafka's paths to the same refusal differ.</content>
internal sealed partial class EngineWireBackend
{
    public override async ValueTask<ProducerAnswer> InitProducerIdAsync(InitProducerIdCall call)
    {
        ThrowIfUnable();
        var reply = call.TransactionalId is { } id
            ? _engine.Transactions.InitProducer(
                new InitProducerCommand(id, TransactionClient.Network(TransactionGeneration.V1, call.ClientName)) { Expected = call.Held, TimeoutMs = call.TimeoutMs }, _engine.NowMs)
            : _engine.Transactions.AllocateProducer(_engine.NowMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        _engine.TransactionEnded.Pulse();
        return Answer(reply.Decision);
    }

    public override async ValueTask<ErrorCode[]> AddPartitionsToTransactionAsync(TransactionCaller caller, IReadOnlyList<TopicPartition> partitions)
    {
        ThrowIfUnable();
        if (!TryResolve(partitions, out var targets, out var errors))
            return errors;
        var reply = _engine.Transactions.AddPartitions(caller.TransactionalId, caller.Identity, targets, Client(caller), _engine.NowMs, out var deadlineMs);
        _engine.Deadlines.RearmFor(deadlineMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        return Every(partitions.Count, Note(ToError(reply.Decision.Verdict)));
    }

    public override async ValueTask<ErrorCode> AddOffsetsToTransactionAsync(TransactionCaller caller, string group)
    {
        ThrowIfUnable();
        var reply = _engine.Transactions.AddGroup(caller.TransactionalId, caller.Identity, group, Client(caller), _engine.NowMs, out var deadlineMs);
        _engine.Deadlines.RearmFor(deadlineMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        return Note(ToError(reply.Decision.Verdict));
    }

    public override async ValueTask<ProducerAnswer> EndTransactionAsync(TransactionCaller caller, bool commit)
    {
        ThrowIfUnable();
        var reply = _engine.Transactions.End(caller.TransactionalId, caller.Identity, commit, [], Client(caller), _engine.NowMs, out _);
        await VisibilityWait.For(_engine, reply.Lsn);
        _engine.TransactionEnded.Pulse();
        return Answer(reply.Decision);
    }

    public override AppendStatus AppendTransactional(BackendPartition partition, AppendOperation operation, in TransactionCaller caller)
    {
        var target = ((EnginePartition)partition.Innermost).Partition;
        var nowMs = _engine.AppendTimeMs(target.Options);
        var receipt = target.Append(operation.Header, operation.Bytes, AppendOrigin.Client, nowMs);
        TransactionDecision? decision = null;
        if (receipt.NeedsEnrolment)
            receipt = AppendEnrolled(target, operation, caller, nowMs, out decision);
        var outcome = Refusals.ToOutcome(receipt, decision, operation, target, _engine);
        // Whatever way a partition learns of it: an old epoch is told as one.
        operation.Outcome = outcome with { Error = Note(outcome.Error == ErrorCode.ProducerFenced ? ErrorCode.InvalidProducerEpoch : outcome.Error) };
        return _engine.CompleteWhenVisible(operation, receipt.Lsn);
    }

    private AppendReceipt AppendEnrolled(Partition target, AppendOperation operation, in TransactionCaller caller, long nowMs, out TransactionDecision decision)
    {
        var client = Client(caller);
        if (caller.Generation == WireGeneration.V1)
            return _engine.Transactions.VerifyAndAppend(target, caller.TransactionalId, client, operation.Header, operation.Bytes, nowMs, out decision);
        var receipt = _engine.Transactions.EnrolAndAppend(
            target, caller.TransactionalId, client, operation.Header, operation.Bytes, nowMs, out decision, out var deadlineMs);
        _engine.Deadlines.RearmFor(deadlineMs);
        return receipt;
    }

    public override ValueTask<WireTransaction?[]> DescribeTransactionsAsync(IReadOnlyList<string> transactionalIds) =>
        QueryAsync(state => transactionalIds.Select(id => state.Transactions.TryGet(id) is { } entry ? Describe(entry) : null).ToArray());

    public override async ValueTask<TransactionListing> ListTransactionsAsync(ListTransactionsCall call)
    {
        NamePattern? pattern = null;
        if (call.IdPattern is { Length: > 0 } text && !NamePattern.TryParse(text, out pattern))
            return new TransactionListing(ErrorCode.InvalidRegularExpression, [], []);
        string[] unknown = [.. call.States.Where(state => !IsStateName(state))];
        var nowMs = _engine.NowMs;
        var (states, ids) = (call.States.ToHashSet(StringComparer.Ordinal), call.ProducerIds.ToHashSet());
        bool IsChosen(TransactionEntry entry) =>
            (states.Count == 0 || states.Contains(NameOf(entry.State))) &&
            (ids.Count == 0 || ids.Contains(entry.Identity.Id)) &&
            (call.OpenForMs < 0 || (entry.State.IsOpen() && nowMs - entry.Current.StartMs > call.OpenForMs));
        var found = await QueryAsync<WireTransaction[]>(state =>
            [.. state.Transactions.Entries.Values.Where(IsChosen).Select(Describe).OrderBy(found => found.TransactionalId, StringComparer.Ordinal)]);
        try
        {
            if (pattern is not null)
                found = [.. pattern.Select(found, static transaction => transaction.TransactionalId, _engine.Environment.Time)];
            return new TransactionListing(ErrorCode.None, found, unknown);
        }
        catch (RegexMatchTimeoutException)
        {
            return new TransactionListing(ErrorCode.InvalidRegularExpression, [], []);
        }
    }

    public override async ValueTask<IReadOnlyList<PartitionProducer>?> DescribeProducersAsync(TopicPartition partition)
    {
        _engine.ThrowIfClosed();
        if (_engine.Partitions.Find(partition) is not { } found)
            return null;
        var producers = new List<PartitionProducer>();
        long lsn;
        using (found.Lock.Enter())
        {
            foreach (var entry in found.State.Producers)
                producers.Add(new PartitionProducer(
                    new(entry.ProducerId, entry.Epoch), entry.LastSequence, entry.Timestamp, entry.CoordinatorEpoch, entry.TransactionFirstOffset));
            lsn = found.AppliedLsn;
        }
        await VisibilityWait.For(_engine, lsn);
        return producers;
    }

    /// <summary>All of them, or for each what is wrong with it.</summary>
    private bool TryResolve(IReadOnlyList<TopicPartition> partitions, out Partition[] targets, out ErrorCode[] errors)
    {
        targets = new Partition[partitions.Count];
        errors = Every(partitions.Count, ErrorCode.OperationNotAttempted);
        var isWhole = true;
        for (var i = 0; i < targets.Length; i++)
        {
            if (InternalTopicNames.Contains(partitions[i].Topic))
                errors[i] = ErrorCode.InvalidTopic;
            else if (_engine.Partitions.Find(partitions[i]) is { } target)
            {
                targets[i] = target;
                continue;
            }
            else
                errors[i] = ErrorCode.UnknownTopicOrPartition;
            isWhole = false;
        }
        return isWhole;
    }

    private ProducerAnswer Answer(TransactionDecision decision) => new(Note(ToError(decision.Verdict)), decision.IsRefused ? Kernel.Primitives.ProducerIdentity.None : decision.Identity);

    private ErrorCode Note(ErrorCode error)
    {
        if (error is ErrorCode.ProducerFenced or ErrorCode.InvalidProducerEpoch)
            _engine.Meter.RecordFenced();
        return error;
    }

    /// <summary>Network clients never meet a verdict of our own making, except a prepared transaction, which is Kafka's "concurrent".</summary>
    private static ErrorCode ToError(TransactionVerdict verdict) => verdict.ToErrorCode();

    private static TransactionClient Client(in TransactionCaller caller) => TransactionClient.Network((TransactionGeneration)caller.Generation, caller.ClientName);

    private WireTransaction Describe(TransactionEntry entry) => new(
        entry.TransactionalId, NameOf(entry.State), entry.Identity, entry.Current.TimeoutMs, entry.Current.StartMs, _engine.ToNames(entry.Partitions));

    // Kafka's tools know no prepared transactions.
    private static string NameOf(TransactionState state) => (state == TransactionState.Prepared ? TransactionState.Ongoing : state).ToString();

    private static bool IsStateName(string name) => name is "Empty" or "Ongoing" or "PrepareCommit" or "PrepareAbort" or "CompleteCommit" or "CompleteAbort" or "Dead" or "PrepareEpochFence";
}
