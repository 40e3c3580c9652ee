using System.IO.Pipelines;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine.Backend.Wire;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// The in-process engine behind the client library's port: decisions are taken on the caller's thread, answers wait for the LSN they relied on. Refusals become
/// exceptions here and nowhere below.
/// </summary>
internal sealed class EngineBackend(BrokerEngine engine) : BrokerBackend
{
    private const int NamedAppendBytesBeside = 8192;

    private readonly GroupSessions _sessions = engine.GroupSessions;
    private readonly LastBatches _lastBatches = new(engine);

    public override TimeProvider Time => engine.Environment.Time;

    public override ILoggerFactory LoggerFactory => engine.Environment.LoggerFactory;

    public override PipeScheduler Completions => engine.Environment.Completions;

    public override StorageException? Failure => engine.Journal.Failure;

    internal BrokerEngine Engine => engine;

    public override ICompressionCodec GetCodec(CompressionType type) => engine.Codecs.Get(type);

    public override TopicDescription? TryGetTopic(string topic)
    {
        engine.ThrowIfClosed();
        return engine.State.Topics.Find(topic) is { } found ? Describe(found) : null;
    }

    public override TopicDescription? TryGetTopic(Guid id)
    {
        engine.ThrowIfClosed();
        return engine.State.Topics.Find(id) is { } found ? Describe(found) : null;
    }

    public override IReadOnlyList<TopicDescription> ListTopics()
    {
        engine.ThrowIfClosed();
        return [.. engine.State.Topics.Topics.OrderBy(topic => topic.Name, StringComparer.Ordinal).Select(Describe)];
    }

    public override async ValueTask<TopicDescription> CreateTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        Topic.ValidateName(topic, nameof(topic));
        ThrowIfInternal(topic);
        var reply = engine.Topics.Create(topic, options, isInternal: false, engine.Environment.NextGuid(), engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        return reply.Error == ErrorCode.None ? Describe(reply.Topic!) : throw Refusals.Of(reply, topic, options);
    }

    public override async ValueTask AlterTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfInternal(topic);
        await AnswerAsync(engine.Topics.Alter(topic, options, engine.NowMs), topic, options);
    }

    public override async ValueTask AddPartitionsAsync(string topic, int partitions, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfInternal(topic);
        var reply = engine.Topics.AddPartitions(topic, partitions, engine.NowMs);
        if (reply is { Error: ErrorCode.None, Topic: { } grown })
        {
            engine.Groups.TopicChanged(grown.Number, engine.NowMs);
            _sessions.NotifyAll();
        }
        await AnswerAsync(reply, topic, null);
    }

    public override async ValueTask DeleteTopicAsync(string topic, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfInternal(topic);
        var reply = engine.Topics.Delete(topic, engine.NowMs);
        // Also those who had none of its partitions: nothing changes for them, but there is nothing left that they could wait for.
        if (reply.Error == ErrorCode.None)
            _sessions.WakeAll();
        await AnswerAsync(reply, topic, null);
    }

    public override async ValueTask<long> DeleteRecordsAsync(TopicPartition partition, long beforeOffset, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var reply = LogRetention.DeleteRecords(Find(partition), beforeOffset, engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        engine.DropFiles(reply);
        if (reply.Error != ErrorCode.None)
            throw ErrorTable.ToException(reply.Error, reply.Error == ErrorCode.PolicyViolation
                ? $"Records of {partition} are compacted, not deleted (TopicOptions.Cleanup)."
                : $"Offset {beforeOffset} lies behind the end of {partition}, {reply.LogStart}.");
        return reply.LogStart;
    }

    public override BackendPartition GetPartition(TopicPartition partition)
    {
        engine.ThrowIfClosed();
        return new EnginePartition(engine, Find(partition));
    }

    public override async ValueTask<ProducerSession> InitProducerAsync(ProducerRequest request, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var reply = Init(request);
        await VisibilityWait.For(engine, reply.Lsn);
        if (reply.Decision.IsRefused)
            throw Refusals.Of(reply.Decision, request.TransactionalId ?? request.Name ?? "producer");
        engine.TransactionEnded.Pulse();
        var session = new ProducerSession
        {
            Identity = reply.Decision.Identity,
            TransactionalId = request.TransactionalId,
            Name = request.Name,
            LastSourceSequence = reply.Decision.LastSourceSequence,
        };
        engine.LiveProducers.Add(session);
        return session;
    }

    public override long NamedAppendBytesMax => engine.Journal.FrameBytesMax - NamedAppendBytesBeside;

    public override AppendStatus AppendNamed(ProducerSession session, IReadOnlyList<AppendOperation> operations, long lastSourceSequence)
    {
        if (engine.IsClosed)
            return RefuseClosed(operations);
        var batches = new PartitionBatch[operations.Count];
        for (var i = 0; i < batches.Length; i++)
            batches[i] = new PartitionBatch(((EnginePartition)operations[i].Partition!.Innermost).Partition, operations[i].Header, operations[i].Batch);
        var receipts = engine.Transactions.AppendNamed(session.Name!, batches, lastSourceSequence, engine.Environment.ExactNowMs, out var decision);
        var refused = Array.FindIndex(receipts, receipt => receipt.Error != ErrorCode.None);
        var lsn = receipts[0].Lsn;
        for (var i = 0; i < receipts.Length; i++)
        {
            var deciding = refused >= 0 ? refused : i;
            operations[i].Outcome = Refusals.ToOutcome(receipts[deciding], decision, operations[deciding], batches[deciding].Partition, engine);
            lsn = Math.Max(lsn, receipts[deciding].Lsn);
        }
        if (operations[0].Outcome.Error == ErrorCode.ProducerFenced)
            engine.Meter.RecordFenced();
        if (engine.IsVisible(lsn))
            return AppendStatus.Completed;
        foreach (var operation in operations)
            engine.CompleteLater(operation, lsn);
        return refused >= 0 ? AppendStatus.PendingRefusal : AppendStatus.Pending;
    }

    public override ValueTask EndTransactionAsync(ProducerSession session, bool commit, IReadOnlyList<TransactionOffsets> offsets)
    {
        engine.ThrowIfClosed();
        // With a journal that has failed before, the outcome is known: nothing of this transaction will be there.
        engine.Journal.ThrowIfFailed();
        var reply = engine.Transactions.End(
            session.TransactionalId!, session.Identity, commit, ToRequests(offsets), Client(session.TransactionalId!), engine.NowMs, out var refusedOffsets);
        return FinishEndAsync(session, reply, refusedOffsets);
    }

    public override ValueTask<bool> TryCommitAsync(ProducerSession session, IReadOnlyList<AppendOperation> batches, IReadOnlyList<TransactionOffsets> offsets)
    {
        engine.ThrowIfClosed();
        engine.Journal.ThrowIfFailed();
        return session.Fenced is null && _lastBatches.TryCommit(session, batches, ToRequests(offsets), out var reply)
            ? FinishCommitAsync(session, reply)
            : new ValueTask<bool>(false);
    }

    public override async ValueTask<string> PrepareTransactionAsync(ProducerSession session, IReadOnlyList<TransactionOffsets> offsets)
    {
        engine.ThrowIfClosed();
        var reply = engine.Transactions.Prepare(
            session.TransactionalId!, session.Identity, ToRequests(offsets), Client(session.TransactionalId!), engine.NowMs, out var refusedOffsets);
        await VisibilityWait.For(engine, reply.Lsn);
        ThrowIfRefused(session, reply, refusedOffsets);
        return reply.Decision.PreparedToken!;
    }

    public override async ValueTask ResolvePreparedAsync(string token, bool commit, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var reply = engine.Transactions.Resolve(token, commit, TransactionClient.InProcess("an operator"), engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        engine.TransactionEnded.Pulse();
        if (reply.Decision.IsRefused)
            throw Refusals.Of(reply.Decision, token);
    }

    public override ValueTask<IReadOnlyList<PreparedTransaction>> ListPreparedAsync(CancellationToken cancellationToken) =>
        QueryAsync<PreparedTransaction>(state => [.. state.Transactions.ListPrepared().Select(prepared =>
            new PreparedTransaction(
                prepared.Token, prepared.TransactionalId, DateTimeOffset.FromUnixTimeMilliseconds(prepared.PreparedMs), engine.ToNames(prepared.Partitions)))]);

    public override ValueTask<IReadOnlyList<TransactionDescription>> ListOpenAsync(CancellationToken cancellationToken) =>
        QueryAsync<TransactionDescription>(state => [.. state.Transactions.Entries.Values
            .Where(entry => entry.State == TransactionState.Ongoing)
            .OrderBy(entry => entry.Current.StartMs)
            .Select(entry => new TransactionDescription(
                entry.TransactionalId, entry.Identity.Id, entry.Identity.Epoch, DateTimeOffset.FromUnixTimeMilliseconds(entry.Current.StartMs), engine.ToNames(entry.Partitions)))]);

    /// <summary>
    /// What a query says waits, as every reply does, for the state it relied on: else it would show a prepared transaction that a power cut takes back.
    /// </summary>
    private async ValueTask<IReadOnlyList<T>> QueryAsync<T>(Func<CoordinationState, IReadOnlyList<T>> query)
    {
        engine.ThrowIfClosed();
        IReadOnlyList<T> found;
        long lsn;
        lock (engine.State.Lock)
            (found, lsn) = (query(engine.State), engine.State.AppliedLsn);
        await VisibilityWait.For(engine, lsn);
        return found;
    }

    public override async ValueTask AbortOpenAsync(string transactionalId, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var reply = engine.Transactions.AbortOpen(transactionalId, "an operator", engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        engine.TransactionEnded.Pulse();
        if (reply.Decision.IsRefused)
            throw Refusals.Of(reply.Decision, transactionalId);
    }

    public override async ValueTask<TransactionOutcome> GetOutcomeAsync(
        string transactionalId, long producerId, short epoch, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        TransactionOutcome outcome;
        long lsn;
        lock (engine.State.Lock)
        {
            outcome = engine.State.Transactions.Outcome(transactionalId, new ProducerIdentity(producerId, epoch)).Outcome;
            lsn = engine.State.AppliedLsn;
        }
        await VisibilityWait.For(engine, lsn);
        return outcome;
    }

    public override async ValueTask<GroupSession> JoinGroupAsync(GroupJoinRequest request, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var memberId = $"{request.InstanceId ?? "member"}-{engine.Environment.NextGuid():N}";
        var reply = engine.Groups.Join(
            new ConsumerJoinRequest
            {
                Group = request.Group,
                MemberId = memberId,
                InstanceId = request.InstanceId,
                Origin = MemberOrigin.InProcess,
                Topics = [.. request.Topics.Select(topic => (engine.State.Topics.Find(topic) ?? throw Refusals.UnknownTopic(topic)).Number)],
                Assignor = request.Assignor,
                RebalanceTimeoutMs = (int)request.RebalanceTimeout.TotalMilliseconds,
            },
            engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        if (reply.Decision.Verdict != GroupVerdict.None)
            throw Refusals.Of(reply.Decision.Verdict, request.Group);
        var session = new EngineGroupSession(engine, _sessions, request, memberId);
        session.Adopt(reply.Decision.Assignment);
        _sessions.Add(session);
        _sessions.Notify(request.Group);
        engine.Deadlines.Rearm();
        return session;
    }

    public override async ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FetchOffsetsAsync(
        string group, IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        var names = partitions.ToArray();
        var keys = Array.ConvertAll(names, name => Find(name).Key);
        while (true)
        {
            var ended = engine.TransactionEnded.Next;
            engine.ThrowIfClosed();
            var (found, lsn) = engine.Groups.Fetch(group, keys);
            await VisibilityWait.For(engine, lsn);
            if (!Array.Exists(found, offset => offset.Status == FetchStatus.Unstable))
                return ToOffsets(names, found);
            // An open transaction decides about one of them: look again when one has ended. With a journal that has failed none will.
            engine.Journal.ThrowIfFailed();
            await ended.WaitAsync(cancellationToken);
            await new SchedulerHop(Completions);
        }
    }

    public override async ValueTask CommitOffsetsAsync(
        string group, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var reply = engine.Groups.Commit(
            new OffsetCommitRequest { Group = group, Offsets = engine.ToOffsetValues(offsets), AllOrNothing = true }, engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        if (reply.Decision.Verdict != GroupVerdict.None)
            throw Refusals.Of(reply.Decision.Verdict, group);
    }

    public override async ValueTask DeleteGroupAsync(string group, CancellationToken cancellationToken)
    {
        engine.ThrowIfClosed();
        cancellationToken.ThrowIfCancellationRequested();
        var reply = engine.Groups.DeleteGroup(group, engine.NowMs);
        await VisibilityWait.For(engine, reply.Lsn);
        if (reply.Decision.Verdict != GroupVerdict.None)
            throw Refusals.Of(reply.Decision.Verdict, group);
    }

    public override IReadOnlyList<string> ListGroups()
    {
        engine.ThrowIfClosed();
        return engine.Groups.List();
    }

    public override WireBackend OpenWire(WireSettings settings) => new EngineWireBackend(engine, settings);

    public override ValueTask DisposeAsync() => engine.CloseAsync();

    private static AppendStatus RefuseClosed(IReadOnlyList<AppendOperation> operations)
    {
        var closed = Refusals.Closed();
        foreach (var operation in operations)
            operation.Outcome = new AppendOutcome { Error = closed.Code, Exception = closed };
        return AppendStatus.Completed;
    }

    /// <summary>An in-process client, as the coordinator and its errors name it.</summary>
    internal static TransactionClient Client(string name) => TransactionClient.InProcess(name);

    private CoordinatorReply Init(ProducerRequest request)
    {
        var by = $"a producer opened at {engine.Environment.Time.GetUtcNow():HH:mm:ss.fff}";
        if (request.TransactionalId is { } id)
            return engine.Transactions.InitProducer(
                new InitProducerCommand(id, Client(by)) { TimeoutMs = (int)Math.Min(request.TransactionTimeout.TotalMilliseconds, int.MaxValue - 1) },
                engine.NowMs);
        return request.Name is { } name
            ? engine.Transactions.OpenNamed(name, by, engine.NowMs)
            : engine.Transactions.AllocateProducer(engine.NowMs);
    }

    private async ValueTask<bool> FinishCommitAsync(ProducerSession session, CommitReply reply)
    {
        await WaitForEndAsync(reply.Lsn);
        session.Identity = reply.Identity;
        return true;
    }

    private async ValueTask WaitForEndAsync(long lsn)
    {
        try
        {
            await VisibilityWait.For(engine, lsn);
        }
        catch (StorageException failure)
        {
            // The frame that decides was on its way to the disk and may have arrived.
            throw ErrorTable.ToException(ErrorCode.OutcomeUnknown, $"The journal failed before the end of the transaction was known to be durable. {failure.Message}", failure);
        }
        engine.TransactionEnded.Pulse();
    }

    private async ValueTask FinishEndAsync(ProducerSession session, CoordinatorReply reply, GroupRefusal? refusedOffsets)
    {
        await WaitForEndAsync(reply.Lsn);
        ThrowIfRefused(session, reply, refusedOffsets);
        if (!reply.Decision.Identity.IsNone)
            session.Identity = reply.Decision.Identity;
    }

    private OffsetCommitRequest[] ToRequests(IReadOnlyList<TransactionOffsets> offsets)
    {
        if (offsets.Count == 0)
            return [];
        var requests = new OffsetCommitRequest[offsets.Count];
        for (var i = 0; i < requests.Length; i++)
            requests[i] = offsets[i].Member is EngineGroupSession member
                ? member.ToRequest(offsets[i].Offsets)
                : new OffsetCommitRequest { Group = offsets[i].Group, Offsets = engine.ToOffsetValues(offsets[i].Offsets), AllOrNothing = true };
        return requests;
    }

    private void ThrowIfRefused(ProducerSession session, CoordinatorReply reply, GroupRefusal? refusedOffsets)
    {
        if (refusedOffsets is not null)
            throw Refusals.Of(refusedOffsets.Verdict, refusedOffsets.Group);
        if (!reply.Decision.IsRefused)
            return;
        var exception = Refusals.Of(reply.Decision, session.TransactionalId!);
        if (exception.Code == ErrorCode.ProducerFenced)
            engine.Meter.RecordFenced();
        if (exception.Recovery == ErrorRecovery.RecreateClient)
            session.Fenced = exception;
        throw exception;
    }

    private async ValueTask AnswerAsync(TopicReply reply, string topic, TopicOptions? options)
    {
        await VisibilityWait.For(engine, reply.Lsn);
        if (reply.Error != ErrorCode.None)
            throw Refusals.Of(reply, topic, options);
    }

    private Partitions.Partition Find(TopicPartition partition) =>
        engine.Partitions.Find(partition) ??
        throw (engine.State.Topics.Find(partition.Topic) is null ? Refusals.UnknownTopic(partition.Topic) : Refusals.UnknownPartition(partition));

    private static Dictionary<TopicPartition, CommittedOffset> ToOffsets(TopicPartition[] names, FetchedOffset[] found)
    {
        var offsets = new Dictionary<TopicPartition, CommittedOffset>();
        for (var i = 0; i < names.Length; i++)
            if (found[i].Status == FetchStatus.Value)
                offsets[names[i]] = new CommittedOffset(found[i].Stored.Offset, found[i].Stored.Metadata);
        return offsets;
    }

    private static void ThrowIfInternal(string topic)
    {
        if (InternalTopicNames.Contains(topic))
            throw Refusals.InternalTopic(topic);
    }

    private static TopicDescription Describe(TopicRecord.Put topic) =>
        new(topic.Name, topic.Id, topic.Partitions, topic.Options.Clone(), topic.IsInternal);
}
