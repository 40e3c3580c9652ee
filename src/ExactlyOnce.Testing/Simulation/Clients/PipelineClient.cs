using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// Consume, transform, produce: every record of the input becomes one of the output, in the transaction that commits the position. Several share a group; some
/// abort, some sleep in the middle until they are zombies.
/// </summary>
internal sealed class PipelineClient(SimulatedBroker broker, TransactionLedger ledger, int index) : SimulatedClient(broker)
{
    public const string Group = "pipe";

    private readonly string _id = $"pipe-{index}";
    private readonly GroupReading _reading = new(broker, Group);
    private readonly Dictionary<PartitionKey, int> _sequences = [];
    private readonly List<SentBatch> _sent = [];

    /// <summary>Batches that wait for the commit, to be sent together with it.</summary>
    private readonly List<SentBatch.Delivery> _held = [];
    private ProducerSession? _producer;
    private int _session;
    private long? _transaction;
    private int _turnsAsleep;

    public override void OnDeath()
    {
        base.OnDeath();
        Forget();
        _reading.Forget();
    }

    protected override async Task TurnAsync(SimulationRandom random)
    {
        if (_turnsAsleep-- > 0)
            return;
        // A failed broker still ends a transaction that wrote nothing, which says nothing.
        if (Broker.HasFailed && !_sent.Exists(batch => batch.Fate == BatchFate.Acknowledged))
            Forget();
        try
        {
            if (_producer is null)
                await StartAsync(random);
            else if (!_reading.IsMember)
                await _reading.JoinAsync(Process, [InputTopic], TimeSpan.FromSeconds(random.LogBetween(1, 120)));
            else if (_transaction is { } open)
                await FinishAsync(open, random);
            else if (_reading.IsChangePending && random.Percent(80))
                await _reading.ReconcileAsync(Process);
            else
                Transform(random);
        }
        catch (BrokerException)
        {
            Forget();
            _reading.Forget();
        }
    }

    private async Task StartAsync(SimulationRandom random)
    {
        Forget();
        var session = Broker.NewNumber();
        var timeout = TimeSpan.FromSeconds(random.LogBetween(10, 600));
        _producer = await AskAsync(
            new InitProducer(_id, session),
            () => Broker.Backend.InitProducerAsync(new ProducerRequest { TransactionalId = _id, TransactionTimeout = timeout }, CancellationToken.None),
            producer => new ProducerAnswer(producer.Identity.Id, producer.Identity.Epoch));
        if (_producer is null)
            return;
        Broker.Keep(_producer);
        ledger.Ids.Add(_id);
        _session = session;
    }

    private void Transform(SimulationRandom random)
    {
        var outputs = Array.FindAll(Broker.Partitions(), partition => partition.Name.Topic == OutputTopic);
        if (outputs.Length == 0)
            return;
        var transaction = Broker.NewNumber();
        if (_reading.Poll(Process, random.LogBetween(1, 2048), transaction, random) is not { } polled || polled.Read.Records.Count == 0)
            return;
        _transaction = transaction;
        Broker.Complete(Process, Broker.Invoke(Process, new BeginTransaction(transaction, _session)), Outcome.Ok);
        foreach (var (target, records) in polled.Read.Records.GroupBy(record => outputs[record.Offset % outputs.Length]).Select(group => (group.Key, group.ToArray())))
            Send(target, polled.Read.Partition, records, random);
        if (random.OneIn(12))
            _turnsAsleep = random.LogBetween(1, 80);
    }

    private void Send(Partition target, TopicPartition source, ReadRecord[] records, SimulationRandom random)
    {
        var writes = Array.ConvertAll(records, record => new Write(
            target.Name, Broker.NewNumber(), _session, _transaction, Source: new SourceRecord(Group, source, record.Offset)));
        var sequence = _sequences.GetValueOrDefault(target.Key);
        var batch = SentBatch.Sign(Broker, new BatchDraft(target, writes), _producer!.Identity, sequence, Process, random);
        _sequences[target.Key] = Sequence.Add(sequence, batch.Count);
        _sent.Add(batch);
        var delivery = batch.Deliver(Process, isRetry: false, _producer);
        if (random.Percent(60))
            _held.Add(delivery);
        else
            delivery.Send();
    }

    private async Task FinishAsync(long transaction, SimulationRandom random)
    {
        var commit = !_sent.Exists(batch => batch.Fate is BatchFate.Refused or BatchFate.Unknown) && random.Percent(85);
        if (_held.Count > 0)
        {
            await FinishHeldAsync(transaction, commit);
            return;
        }
        var process = Process;
        var offsets = new List<TransactionOffsets>();
        long noted = 0;
        if (commit)
        {
            var (call, committed) = _reading.Commit(_reading.Positions(), transaction);
            noted = Broker.Invoke(process, call);
            offsets.Add(new TransactionOffsets(Group, _reading.Session, committed));
        }
        var end = Broker.Invoke(process, new EndTransaction(transaction, commit));
        try
        {
            await Broker.Backend.EndTransactionAsync(_producer!, commit, offsets);
        }
        catch (BrokerException exception)
        {
            if (noted != 0)
                Broker.Complete(process, noted, SimulatedBroker.OutcomeOf(exception), error: exception.Code.ToString());
            Broker.Complete(process, end, SimulatedBroker.OutcomeOf(exception), error: exception.Code.ToString());
            throw;
        }
        if (noted != 0)
            Broker.Complete(process, noted, Outcome.Ok);
        Broker.Complete(process, end, Outcome.Ok);
        BeDone();
        // What was read for nothing must be read again.
        if (!commit)
            await _reading.LeaveAsync(process);
    }

    /// <summary>
    /// Sends what waits for the commit together with it; where that is not possible the batches go first, and the next turn ends the transaction.
    /// </summary>
    private async Task FinishHeldAsync(long transaction, bool commit)
    {
        var (process, held) = (Process, _held.ToArray());
        _held.Clear();
        if (!commit)
        {
            foreach (var delivery in held)
                Refuse(delivery, ErrorTable.ToException(ErrorCode.TransactionAbortable, "The transaction was aborted before the batch was sent."));
            return;
        }
        var (call, committed) = _reading.Commit(_reading.Positions(), transaction);
        var noted = Broker.Invoke(process, call);
        var end = Broker.Invoke(process, new EndTransaction(transaction, IsCommit: true));
        try
        {
            if (await Broker.Backend.TryCommitAsync(_producer!, held, [new TransactionOffsets(Group, _reading.Session, committed)]))
            {
                foreach (var delivery in held)
                    delivery.OnCompleted();
                Broker.Complete(process, noted, Outcome.Ok);
                Broker.Complete(process, end, Outcome.Ok);
                BeDone();
                return;
            }
        }
        catch (BrokerException exception)
        {
            foreach (var delivery in held)
                Refuse(delivery, exception);
            Broker.Complete(process, noted, SimulatedBroker.OutcomeOf(exception), error: exception.Code.ToString());
            Broker.Complete(process, end, SimulatedBroker.OutcomeOf(exception), error: exception.Code.ToString());
            throw;
        }
        Broker.Complete(process, noted, Outcome.Failed, error: "not together");
        Broker.Complete(process, end, Outcome.Failed, error: "not together");
        foreach (var delivery in held)
            delivery.Send();
    }

    private static void Refuse(SentBatch.Delivery delivery, BrokerException exception)
    {
        delivery.Outcome = new AppendOutcome { Error = exception.Code, Exception = exception };
        delivery.OnCompleted();
    }

    private void BeDone()
    {
        _transaction = null;
        _sent.Clear();
        _sequences.Clear();
    }

    private void Forget()
    {
        _held.Clear();
        _producer = null;
        _transaction = null;
        _sequences.Clear();
        _sent.Clear();
    }
}
