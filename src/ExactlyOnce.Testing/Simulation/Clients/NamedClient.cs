using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// Imports a numbered source under a name that the broker remembers: several partitions in one step, and after a death it goes on behind the last number that
/// the broker has. Names are few, so that namesakes fence each other.
/// </summary>
internal sealed class NamedClient(SimulatedBroker broker, SourceLedger ledger, SimulationRandom random) : SimulatedClient(broker)
{
    private readonly string _name = $"import-{random.Below(2)}";
    private readonly Dictionary<PartitionKey, int> _sequences = [];
    private readonly List<SentBatch> _step = [];
    private ProducerSession? _producer;
    private int _session;
    private long _last;

    public override void OnDeath()
    {
        base.OnDeath();
        Forget();
    }

    protected override async Task TurnAsync(SimulationRandom random)
    {
        if (_step.Exists(batch => batch.Fate == BatchFate.Pending))
            return;
        if (_step.Exists(batch => batch.Fate != BatchFate.Acknowledged) || random.OneIn(30))
            Forget();
        _step.Clear();
        if (_producer is null)
            await StartAsync();
        else
            Import(_producer, random);
    }

    private async Task StartAsync()
    {
        try
        {
            var producer = await Broker.Backend.InitProducerAsync(new ProducerRequest { Name = _name }, CancellationToken.None);
            _session = Broker.NewNumber();
            _last = producer.LastSourceSequence;
            _producer = producer;
            ledger.Opened(_name, _last);
        }
        catch (BrokerException)
        {
            _producer = null;
        }
    }

    private void Import(ProducerSession producer, SimulationRandom random)
    {
        var deliveries = new List<AppendOperation>();
        var begin = _last;
        for (var count = random.Between(1, 3); count > 0; count--)
        {
            if (PickTarget(random) is not { } partition || _step.Exists(batch => batch.Partition == partition))
                continue;
            var sequence = _sequences.GetValueOrDefault(partition.Key);
            var draft = Draft(partition, _session, null, random);
            foreach (var write in draft.Writes)
                ledger.Asked(_name, ++_last, write.Value, Broker.NameOf(partition));
            var batch = SentBatch.Sign(Broker, draft, producer.Identity, sequence, Process, random);
            _sequences[partition.Key] = Sequence.Add(sequence, batch.Count);
            _step.Add(batch);
            deliveries.Add(batch.Deliver(Process, isRetry: false, producer));
        }
        if (_last == begin || Broker.Backend.AppendNamed(producer, deliveries, _last) != AppendStatus.Completed)
            return;
        foreach (var delivery in deliveries)
            delivery.OnCompleted();
    }

    private void Forget()
    {
        _producer = null;
        _sequences.Clear();
        _step.Clear();
    }
}
