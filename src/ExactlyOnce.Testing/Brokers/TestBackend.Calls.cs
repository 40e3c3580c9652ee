using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Wire;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>The calls, with the points of the fault plan around those that have some.</summary>
internal sealed partial class TestBackend
{
    public override TopicDescription? TryGetTopic(string topic) => Alive.TryGetTopic(topic);

    public override TopicDescription? TryGetTopic(Guid id) => Alive.TryGetTopic(id);

    public override IReadOnlyList<TopicDescription> ListTopics() => Alive.ListTopics();

    public override ValueTask<TopicDescription> CreateTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken) =>
        Alive.CreateTopicAsync(topic, options, cancellationToken);

    public override ValueTask AlterTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken) =>
        Alive.AlterTopicAsync(topic, options, cancellationToken);

    public override ValueTask AddPartitionsAsync(string topic, int partitions, CancellationToken cancellationToken) =>
        Alive.AddPartitionsAsync(topic, partitions, cancellationToken);

    public override async ValueTask DeleteTopicAsync(string topic, CancellationToken cancellationToken)
    {
        var partitions = Alive.TryGetTopic(topic)?.Partitions ?? 0;
        var first = partitions == 0 ? null : _inner.GetPartition(new TopicPartition(topic, 0));
        await _inner.DeleteTopicAsync(topic, cancellationToken).ConfigureAwait(false);
        if (first is not null)
            History?.TopicDeleted(first, partitions);
    }

    public override ValueTask<long> DeleteRecordsAsync(TopicPartition partition, long beforeOffset, CancellationToken cancellationToken) =>
        Alive.DeleteRecordsAsync(partition, beforeOffset, cancellationToken);

    public override BackendPartition GetPartition(TopicPartition partition) => new TestPartition(this, Alive.GetPartition(partition));

    public override long NamedAppendBytesMax => _inner.NamedAppendBytesMax;

    public override async ValueTask<ProducerSession> InitProducerAsync(ProducerRequest request, CancellationToken cancellationToken)
    {
        var session = await Alive.InitProducerAsync(request, cancellationToken).ConfigureAwait(false);
        if (request.TransactionalId is { } id)
            lock (_lock)
                (_timeouts ??= [])[id] = request.TransactionTimeout;
        History?.Opened(session);
        return session;
    }

    public override AppendStatus AppendNamed(ProducerSession session, IReadOnlyList<AppendOperation> operations, long lastSourceSequence)
    {
        foreach (var operation in operations)
            if ((_death ?? Pass(FaultPoint.BeforeAppend, operation.Partition!.Id.Topic, session).Failure) is { } refusal)
                return Refuse(operations, refusal);
        var status = _inner.AppendNamed(session, operations, lastSourceSequence);
        var comesAgain = false;
        foreach (var operation in operations)
        {
            if (operation.Outcome.Error != ErrorCode.None)
            {
                History?.Refused(operation, operation.Partition!.Innermost);
                continue;
            }
            History?.Appended(operation, operation.Partition!.Innermost);
            var (action, failure) = Pass(FaultPoint.AfterAppend, operation.Partition!.Id.Topic, session);
            comesAgain |= action == FaultAction.Duplicate;
            // A producer with a name does not send again: it asks, when it is made anew, for the last sequence that the broker knows.
            if (action == FaultAction.LoseAcknowledgement)
                failure = LostAcknowledgement();
            if (failure is not null)
                operation.Outcome = new AppendOutcome { Error = failure.Code, Exception = failure };
        }
        if (comesAgain)
            AppendNamedAgain(session, operations, lastSourceSequence);
        return status;
    }

    // All of them together, as they came. Nobody hears the answer.
    private void AppendNamedAgain(ProducerSession session, IReadOnlyList<AppendOperation> operations, long lastSourceSequence)
    {
        AppendOutcome[] first = [.. operations.Select(operation => operation.Outcome)];
        _inner.AppendNamed(session, operations, lastSourceSequence);
        for (var i = 0; i < first.Length; i++)
        {
            History?.AppendedAgain(operations[i], operations[i].Partition!.Innermost);
            operations[i].Outcome = first[i];
        }
    }

    public override async ValueTask EndTransactionAsync(ProducerSession session, bool commit, IReadOnlyList<TransactionOffsets> offsets)
    {
        ThrowIfDead();
        if (commit && Pass(FaultPoint.BeforeCommit, topic: null, session).Failure is { } refusal)
            throw refusal;
        var before = session.Identity;
        try
        {
            await _inner.EndTransactionAsync(session, commit, Unwrap(offsets)).ConfigureAwait(false);
        }
        catch (BrokerException exception)
        {
            History?.NotEnded(session, commit, exception);
            throw;
        }
        if (commit)
            await AnswerCommitAsync(session, before, offsets).ConfigureAwait(false);
        else
            History?.Ended(session, isCommit: false, offsets);
    }

    public override async ValueTask<bool> TryCommitAsync(ProducerSession session, IReadOnlyList<AppendOperation> batches, IReadOnlyList<TransactionOffsets> offsets)
    {
        ThrowIfDead();
        // What is to be struck on the way goes the long way, where its points are.
        if (WantsLongWay(session, batches))
            return false;
        var before = session.Identity;
        if (!await _inner.TryCommitAsync(session, batches, Unwrap(offsets)).ConfigureAwait(false))
            return false;
        foreach (var batch in batches)
            History?.Appended(batch, batch.Partition!.Innermost);
        await AnswerCommitAsync(session, before, offsets).ConfigureAwait(false);
        return true;
    }

    public override async ValueTask<string> PrepareTransactionAsync(ProducerSession session, IReadOnlyList<TransactionOffsets> offsets)
    {
        var token = await Alive.PrepareTransactionAsync(session, Unwrap(offsets)).ConfigureAwait(false);
        History?.Prepared(session, offsets, token);
        return token;
    }

    public override async ValueTask ResolvePreparedAsync(string token, bool commit, CancellationToken cancellationToken)
    {
        await Alive.ResolvePreparedAsync(token, commit, cancellationToken).ConfigureAwait(false);
        History?.Resolved(token, commit);
    }

    public override ValueTask<IReadOnlyList<PreparedTransaction>> ListPreparedAsync(CancellationToken cancellationToken) => Alive.ListPreparedAsync(cancellationToken);

    public override ValueTask<IReadOnlyList<TransactionDescription>> ListOpenAsync(CancellationToken cancellationToken) => Alive.ListOpenAsync(cancellationToken);

    public override ValueTask AbortOpenAsync(string transactionalId, CancellationToken cancellationToken) => Alive.AbortOpenAsync(transactionalId, cancellationToken);

    public override ValueTask<TransactionOutcome> GetOutcomeAsync(string transactionalId, long producerId, short epoch, CancellationToken cancellationToken) =>
        Alive.GetOutcomeAsync(transactionalId, producerId, epoch, cancellationToken);

    public override async ValueTask<GroupSession> JoinGroupAsync(GroupJoinRequest request, CancellationToken cancellationToken)
    {
        var member = await Alive.JoinGroupAsync(request, cancellationToken).ConfigureAwait(false);
        lock (_lock)
            (_members ??= []).Add(member);
        return new TestGroupSession(this, member);
    }

    public override ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FetchOffsetsAsync(
        string group, IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken) => Alive.FetchOffsetsAsync(group, partitions, cancellationToken);

    public override async ValueTask CommitOffsetsAsync(
        string group, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken)
    {
        await Alive.CommitOffsetsAsync(group, offsets, cancellationToken).ConfigureAwait(false);
        History?.Committed(group, offsets);
    }

    public override async ValueTask DeleteGroupAsync(string group, CancellationToken cancellationToken)
    {
        await Alive.DeleteGroupAsync(group, cancellationToken).ConfigureAwait(false);
        History?.GroupDeleted(group);
    }

    public override IReadOnlyList<string> ListGroups() => Alive.ListGroups();

    public override WireBackend OpenWire(WireSettings settings) => Alive.OpenWire(settings);

    /// <summary>The engine outlives the process; the test broker closes it.</summary>
    public override ValueTask DisposeAsync() => default;

    private Engine.Backend.EngineBackend Alive
    {
        get
        {
            ThrowIfDead();
            return _inner;
        }
    }

    private static BrokerException LostAcknowledgement() => ErrorTable.ToException(ErrorCode.OutcomeUnknown, "The acknowledgement was lost, as the test planned it.");

    private static AppendStatus Refuse(IReadOnlyList<AppendOperation> operations, BrokerException refusal)
    {
        foreach (var operation in operations)
            operation.Outcome = new AppendOutcome { Error = refusal.Code, Exception = refusal };
        return AppendStatus.Completed;
    }

    private bool WantsLongWay(ProducerSession session, IReadOnlyList<AppendOperation> batches)
    {
        if (_faults.Wants(FaultPoint.BeforeCommit, topic: null, session.TransactionalId))
            return true;
        foreach (var batch in batches)
            if (_faults.Wants(FaultPoint.BeforeAppend, batch.Partition!.Id.Topic, session.TransactionalId)
                || _faults.Wants(FaultPoint.AfterAppend, batch.Partition.Id.Topic, session.TransactionalId))
                return true;
        return false;
    }

    private async ValueTask AnswerCommitAsync(ProducerSession session, Kernel.Primitives.ProducerIdentity before, IReadOnlyList<TransactionOffsets> offsets)
    {
        History?.Ended(session, isCommit: true, offsets);
        var (action, failure) = Pass(FaultPoint.AfterCommit, topic: null, session);
        if (failure is not null)
            throw failure;
        if (action == FaultAction.LoseAcknowledgement)
            throw LostAcknowledgement();
        if (action == FaultAction.Duplicate)
            await CommitAgainAsync(session, before).ConfigureAwait(false);
    }

    // The transaction is over: the second request finds another epoch, or is told what the first one was told.
    private async ValueTask CommitAgainAsync(ProducerSession session, Kernel.Primitives.ProducerIdentity before)
    {
        try
        {
            await _inner.EndTransactionAsync(new ProducerSession { Identity = before, TransactionalId = session.TransactionalId }, commit: true, []).ConfigureAwait(false);
        }
        catch (BrokerException)
        {
            // Refused: it has done nothing either way, which is what the history is looked through for.
        }
    }

    private static IReadOnlyList<TransactionOffsets> Unwrap(IReadOnlyList<TransactionOffsets> offsets) =>
        offsets.Count == 0 ? offsets : [.. offsets.Select(each => each.Member is TestGroupSession member ? each with { Member = member.Inner } : each)];
}
