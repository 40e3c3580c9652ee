using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// A transactional producer: takes its id, writes to many partitions, adds a group's offsets, and commits, aborts, prepares, or forgets to end. What it says to
/// the broker goes through a <see cref="TransactionDoor"/>, which is in process (generation 2) or behind a connection (generation 1). Ids are few, so that
/// namesakes fence each other.
/// </summary>
internal sealed class TransactionalClient(SimulatedBroker broker, TransactionDoor door, TransactionLedger ledger, SimulationRandom random) : SimulatedClient(broker)
{
    private const int InFlightMax = 4;

    private readonly string _id = $"{door.Prefix}-{random.Below(2)}";
    private readonly Dictionary<PartitionKey, int> _sequences = [];
    private readonly List<SentBatch> _sent = [];
    private bool _hasIdentity;
    private int _session;
    private long? _transaction;
    private int _turnsAsleep;
    private bool _isEndUnknown;
    private bool _isCommitUnknown;
    private TransactionPositions? _positions;

    public override void OnDeath()
    {
        base.OnDeath();
        if (!door.SurvivesBroker)
            Forget();
        foreach (var batch in _sent)
            batch.Lose();
    }

    protected override Task TurnAsync(SimulationRandom random)
    {
        if (_turnsAsleep-- > 0)
            return Task.CompletedTask;
        // A failed broker still ends a transaction that wrote nothing, which says nothing.
        if (Broker.HasFailed && !_isEndUnknown && !_sent.Exists(batch => batch.Fate == BatchFate.Acknowledged))
            Forget();
        if (!_hasIdentity)
            return StartAsync(random);
        if (_isEndUnknown)
            return EndAsync(_isCommitUnknown, random);
        if (_transaction is null)
            return random.OneIn(30) ? StartAsync(random) : BeginAsync();
        if (_sent.Find(batch => batch.Fate == BatchFate.Unknown) is { } unknown)
            return RepeatAsync(unknown, random);
        if (_sent.Exists(batch => batch.Fate == BatchFate.Refused))
            return EndAsync(commit: false, random);
        return GoOnAsync(random);
    }

    private Task GoOnAsync(SimulationRandom random)
    {
        switch (random.Below(20))
        {
            case < 12:
                if (_sent.Count(batch => batch.Fate == BatchFate.Pending) < InFlightMax && PickTarget(random) is { } partition)
                    Send(partition, random);
                return Task.CompletedTask;
            case 12:
                return _sent.Count > 0 ? RepeatAsync(random.Pick(_sent), random) : Task.CompletedTask;
            case < 17:
                return EndAsync(commit: true, random);
            case 17:
                return EndAsync(commit: false, random);
            case 18:
                return door.CanPrepare ? PrepareAsync(random) : EndAsync(commit: true, random);
            default:
                // Slow enough to be timed out, or fenced by a namesake.
                _turnsAsleep = random.LogBetween(1, 60);
                return Task.CompletedTask;
        }
    }

    private async Task StartAsync(SimulationRandom random)
    {
        Forget();
        var session = Broker.NewNumber();
        var timeout = TimeSpan.FromSeconds(random.LogBetween(5, 600));
        var answer = await AskAsync(new InitProducer(_id, session), () => door.InitAsync(Broker, _id, timeout), identity => new ProducerAnswer(identity.Id, identity.Epoch));
        if (answer is null)
            return;
        ledger.Ids.Add(_id);
        _session = session;
        _hasIdentity = true;
    }

    private Task BeginAsync()
    {
        _transaction = Broker.NewNumber();
        Broker.Complete(Process, Broker.Invoke(Process, new BeginTransaction(_transaction.Value, _session)), Outcome.Ok);
        return Task.CompletedTask;
    }

    private void Send(Partition partition, SimulationRandom random)
    {
        var sequence = _sequences.GetValueOrDefault(partition.Key);
        var batch = SentBatch.Sign(Broker, Draft(partition, _session, _transaction, random), door.Identity, sequence, Process, random);
        _sequences[partition.Key] = Sequence.Add(sequence, batch.Count);
        _sent.Add(batch);
        door.Send(Broker, _id, batch.Deliver(Process, isRetry: false, door.Producer));
    }

    private Task RepeatAsync(SentBatch batch, SimulationRandom random)
    {
        if (!batch.TryFindPartition())
            return EndAsync(commit: false, random);
        door.Send(Broker, _id, batch.Deliver(Process, isRetry: true, door.Producer));
        return Task.CompletedTask;
    }

    private async Task EndAsync(bool commit, SimulationRandom random)
    {
        var isRepeated = _isEndUnknown;
        var positions = isRepeated ? SamePositions() : commit && random.OneIn(3) ? PickPositions(random) : null;
        // A client of generation 1 says nothing about a transaction that it has told nobody of.
        if (door.SurvivesBroker && !isRepeated && positions is null && _sent.Count == 0)
        {
            Finish(null, commit, _transaction!.Value);
            return;
        }
        var (process, transaction, ended) = (Process, _transaction!.Value, door.Identity);
        var noted = positions is null ? 0 : Broker.Invoke(process, new CommitOffsets(positions.Group, positions.Named, transaction));
        var end = Broker.Invoke(process, new EndTransaction(transaction, commit));
        // Until it is answered; a death may come first, and then only the same end once more can tell.
        (_isEndUnknown, _isCommitUnknown, _positions) = (true, commit, positions);
        var (outcome, error) = (Outcome.Ok, (string?)null);
        try
        {
            await door.EndAsync(Broker, _id, commit, positions);
        }
        catch (BrokerException exception)
        {
            (outcome, error) = (SimulatedBroker.OutcomeOf(exception), exception.Code.ToString());
        }
        if (noted != 0)
            Broker.Complete(process, noted, outcome, error: error);
        Broker.Complete(process, end, outcome, error: error);
        await SettleAsync(new Ending(transaction, commit, ended, isRepeated), outcome, error, random);
    }

    private async Task SettleAsync(Ending ending, Outcome outcome, string? error, SimulationRandom random)
    {
        if (outcome == Outcome.Unknown && door.SurvivesBroker)
            return;
        _isEndUnknown = false;
        if (outcome == Outcome.Ok)
            Finish(random.OneIn(8) ? ending.Identity : null, ending.IsCommit, ending.Transaction);
        else if (outcome == Outcome.Failed && ending is { IsCommit: true, IsRepeated: false } && error is not (nameof(ErrorCode.ProducerFenced) or nameof(ErrorCode.InvalidProducerEpoch)))
            await EndAsync(commit: false, random);
        else
            Forget();
    }

    /// <summary>Sometimes the answer is lost on the way, and the same end is asked for once more.</summary>
    private void Finish(ProducerIdentity? lost, bool commit, long transaction)
    {
        if (lost is { } identity && door.RefusalOfRepeatedEnd(Broker, _id, identity, commit) is { } refusal)
            throw new SimulationFailedException("repeated end", $"The {(commit ? "commit" : "abort")} of transaction {transaction} by {identity}, asked for again, is refused: {refusal}.");
        _transaction = null;
        _isEndUnknown = false;
        _sent.Clear();
        if (door.RestartsSequences)
            _sequences.Clear();
    }

    /// <summary>What the end that was not answered carried; nothing when the topic is another one by now, whose positions they are not.</summary>
    private TransactionPositions? SamePositions() => _positions is { } positions && positions.Offsets.Keys.All(
        name => Broker.Engine.Partitions.Find(name) is { } partition && positions.Named.ContainsKey(Broker.NameOf(partition))) ? positions : null;

    private TransactionPositions? PickPositions(SimulationRandom random)
    {
        var partitions = Broker.Partitions();
        if (partitions.Length == 0)
            return null;
        var partition = random.Pick(partitions);
        var offset = random.Below(1000);
        return new TransactionPositions(
            $"positions-{random.Below(2)}", new Dictionary<TopicPartition, CommittedOffset> { [partition.Name] = new(offset) },
            new Dictionary<TopicPartition, long> { [Broker.NameOf(partition)] = offset });
    }

    private async Task PrepareAsync(SimulationRandom random)
    {
        var transaction = _transaction!.Value;
        // Known before the answer, which may be lost.
        ledger.Prepared[PreparedToken.Format(_id, door.Identity)] = transaction;
        var token = await AskAsync(new PrepareTransaction(transaction), () => door.PrepareAsync(Broker));
        if (token is null)
        {
            Forget();
            return;
        }
        _transaction = null;
        // The decision is somebody else's; this producer is done with its identity.
        Forget();
        if (random.OneIn(2))
            await ledger.ResolveAsync(Broker, Process, token, random.Percent(70));
    }

    private void Forget()
    {
        _hasIdentity = false;
        _transaction = null;
        _isEndUnknown = false;
        _sequences.Clear();
        _sent.Clear();
    }

    private readonly record struct Ending(long Transaction, bool IsCommit, ProducerIdentity Identity, bool IsRepeated);
}
