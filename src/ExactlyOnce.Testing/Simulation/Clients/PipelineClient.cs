using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// Consume, transform, produce: every record of the input becomes one of the output, in the transaction that commits the position. Several share a group; some abort, some
/// sleep in the middle until they are zombies.
/// </summary>
internal sealed class PipelineClient(SimulatedBroker broker, TransactionLedger ledger, int index) : SimulatedClient(broker)
{
    public const string Group = "pipe";

    private readonly string _id = $"pipe-{index}";
    private readonly GroupReading _reading = new(broker, Group);
    private readonly Dictionary<PartitionKey, int> _sequences = [];
    private readonly List<SentBatch> _sent = [];
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
        batch.Deliver(Process, isRetry: false, _producer).Send();
    }

    private async Task FinishAsync(long transaction, SimulationRandom random)
    {
        var commit = !_sent.Exists(batch => batch.Fate is BatchFate.Refused or BatchFate.Unknown) && random.Percent(85);
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
        _transaction = null;
        _sent.Clear();
        _sequences.Clear();
        // What was read for nothing must be read again.
        if (!commit)
            await _reading.LeaveAsync(process);
    }

    private void Forget()
    {
        _producer = null;
        _transaction = null;
        _sequences.Clear();
        _sent.Clear();
    }
}
