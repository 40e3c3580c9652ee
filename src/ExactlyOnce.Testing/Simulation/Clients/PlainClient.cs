using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// An idempotent producer behind a connection: it outlives the broker, and then first sends again, in order, what was not acknowledged, under the same sequence
/// numbers. Now and then it repeats a batch that was acknowledged, as after a lost answer. Some of its batches carry no producer at all.
/// </summary>
internal sealed class PlainClient(SimulatedBroker broker) : SimulatedClient(broker)
{
    private const int InFlightMax = 4;
    private const int RememberedMax = 7;

    private readonly List<SentBatch> _sent = [];
    private readonly Dictionary<PartitionKey, int> _sequences = [];
    private ProducerIdentity _identity = ProducerIdentity.None;
    private int _session;

    public override void OnDeath()
    {
        base.OnDeath();
        foreach (var batch in _sent)
            batch.Lose();
    }

    protected override async Task TurnAsync(SimulationRandom random)
    {
        if (_sent.Exists(batch => batch.Fate == BatchFate.Refused || Broker.IsStale(batch.SentWallMs)) || random.OneIn(40))
            Forget();
        if (_identity.IsNone)
            await StartAsync();
        else if (_sent.Find(batch => batch.Fate == BatchFate.Unknown) is { } unknown)
            Repeat(unknown);
        else if (_sent.Count > 0 && random.Percent(15))
            Repeat(random.Pick(_sent));
        else if (_sent.Count(batch => batch.Fate == BatchFate.Pending) < InFlightMax && PickTarget(random) is { } partition)
            Send(partition, random);
    }

    private async Task StartAsync()
    {
        try
        {
            _identity = (await Broker.Backend.InitProducerAsync(new ProducerRequest(), CancellationToken.None)).Identity;
            _session = Broker.NewNumber();
        }
        catch (BrokerException)
        {
            _identity = ProducerIdentity.None;
        }
    }

    private void Repeat(SentBatch batch)
    {
        if (batch.TryFindPartition())
            batch.Deliver(Process, isRetry: true).Send();
        else
            Forget();
    }

    private void Send(Partition partition, SimulationRandom random)
    {
        if (random.OneIn(12))
        {
            // Nobody signs it, so nobody may repeat it.
            SentBatch.Sign(Broker, Draft(partition, Broker.NewNumber(), null, random), ProducerIdentity.None, Sequence.None, Process, random)
                .Deliver(Process, isRetry: false).Send();
            return;
        }
        var sequence = _sequences.TryGetValue(partition.Key, out var next) ? next : First(random);
        var batch = SentBatch.Sign(Broker, Draft(partition, _session, null, random), _identity, sequence, Process, random);
        _sequences[partition.Key] = Sequence.Add(sequence, batch.Count);
        _sent.Add(batch);
        if (_sent.Count > RememberedMax)
            _sent.RemoveAt(0);
        batch.Deliver(Process, isRetry: false).Send();
    }

    private int First(SimulationRandom random) => Broker.Plan.IsNearLimits ? int.MaxValue - random.Below(20) : 0;

    private void Forget()
    {
        _identity = ProducerIdentity.None;
        _sequences.Clear();
        _sent.Clear();
    }
}
