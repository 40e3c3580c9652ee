using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// Nothing but message ids tells the broker that it has its records already: no producer, no sequence. It outlives the broker, and for as long as the topic has
/// promised to remember the ids it sends batches again, those without an answer first; those that were acknowledged also to another partition of the topic,
/// which must not take them.
/// </summary>
internal sealed class MessageIdClient(SimulatedBroker broker) : SimulatedClient(broker)
{
    private const int InFlightMax = 3;
    private const int RememberedMax = 12;

    private readonly List<SentBatch> _sent = [];

    public override void OnDeath()
    {
        base.OnDeath();
        foreach (var batch in _sent)
            batch.Lose();
    }

    protected override Task TurnAsync(SimulationRandom random)
    {
        _sent.RemoveAll(batch => batch.Fate == BatchFate.Refused || IsForgotten(batch));
        if (_sent.Find(batch => batch.Fate == BatchFate.Unknown) is { } unknown)
            Repeat(unknown, random);
        else if (_sent.Count > 0 && random.Percent(40))
            Repeat(random.Pick(_sent), random);
        else if (_sent.Count(batch => batch.Fate == BatchFate.Pending) < InFlightMax && PickTarget(random) is { } partition)
            Send(partition, random);
        return Task.CompletedTask;
    }

    /// <summary>Or will be soon: then a repeat might be taken for new.</summary>
    private bool IsForgotten(SentBatch batch) => Broker.Clock.ForwardMs - batch.SentForwardMs > Broker.Plan.MessageIdWindow.TotalMilliseconds * 3 / 4;

    private void Repeat(SentBatch batch, SimulationRandom random)
    {
        if (!batch.TryFindPartition())
        {
            _sent.Remove(batch);
            return;
        }
        var siblings = Array.FindAll(Broker.Partitions(), partition => partition.TopicId == batch.Partition.TopicId);
        var elsewhere = batch.Fate == BatchFate.Acknowledged && random.OneIn(3) ? random.Pick(siblings) : null;
        batch.Deliver(Process, isRetry: true, elsewhere: elsewhere).Send();
    }

    private void Send(Partition partition, SimulationRandom random)
    {
        // Repeats come in any order, so no two batches have one.
        var draft = Draft(partition, Broker.NewNumber(), null, random);
        var batch = SentBatch.Sign(Broker, draft, ProducerIdentity.None, Sequence.None, Process, random, hasMessageIds: true);
        _sent.Add(batch);
        if (_sent.Count > RememberedMax)
            _sent.RemoveAt(0);
        batch.Deliver(Process, isRetry: false).Send();
    }
}
