using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>A new producer of an old transactional id, when all is calm: it takes the id, writes and commits, and nothing may stand in its way.</summary>
internal sealed class HeirClient(SimulatedBroker broker, TransactionDoor door, string id) : SimulatedClient(broker)
{
    public async Task UseAsync(SimulationRandom random)
    {
        var session = Broker.NewNumber();
        var init = Broker.Invoke(Process, new InitProducer(id, session));
        var identity = await door.InitAsync(Broker, id, TimeSpan.FromMinutes(1));
        Broker.Complete(Process, init, Outcome.Ok, new ProducerAnswer(identity.Id, identity.Epoch));
        // With nowhere to write to there is nothing to commit.
        if (PickTarget(random) is not { } partition)
            return;
        var transaction = Broker.NewNumber();
        Broker.Complete(Process, Broker.Invoke(Process, new BeginTransaction(transaction, session)), Outcome.Ok);
        var batch = SentBatch.Sign(Broker, Draft(partition, session, transaction, random), door.Identity, 0, Process, random);
        door.Send(Broker, id, batch.Deliver(Process, isRetry: false, door.Producer));
        if (batch.Fate == BatchFate.Refused)
            throw new SimulationFailedException("liveness", $"The first batch of '{id}', {door.Identity}, is refused.");
        var end = Broker.Invoke(Process, new EndTransaction(transaction, IsCommit: true));
        await door.EndAsync(Broker, id, commit: true, null);
        Broker.Complete(Process, end, Outcome.Ok);
    }

    protected override Task TurnAsync(SimulationRandom random) => UseAsync(random);
}
