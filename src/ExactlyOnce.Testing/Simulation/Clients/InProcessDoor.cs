using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>Generation 2, through the backend as the client library uses it: enrolment with the first batch, an epoch for every transaction.</summary>
internal sealed class InProcessDoor : TransactionDoor
{
    private ProducerSession? _producer;

    public override string Prefix => "local";

    public override bool SurvivesBroker => false;

    public override bool RestartsSequences => true;

    public override bool CanPrepare => true;

    public override ProducerIdentity Identity => _producer!.Identity;

    public override ProducerSession? Producer => _producer;

    public override async ValueTask<HeldIdentity> InitAsync(SimulatedBroker broker, string id, TimeSpan timeout)
    {
        _producer = await broker.Backend.InitProducerAsync(new ProducerRequest { TransactionalId = id, TransactionTimeout = timeout }, CancellationToken.None);
        // Held for the life of the broker: whether an id may expire depends on its holder being alive, which must not depend on the garbage collector.
        broker.Keep(_producer);
        return new HeldIdentity(_producer.Identity.Id, _producer.Identity.Epoch);
    }

    public override void Send(SimulatedBroker broker, string id, SentBatch.Delivery delivery) => delivery.Send();

    public override ValueTask EndAsync(SimulatedBroker broker, string id, bool commit, TransactionPositions? positions) => broker.Backend.EndTransactionAsync(
        _producer!, commit, positions is null ? [] : [new TransactionOffsets(positions.Group, null, positions.Offsets)]);

    public override ValueTask<string> PrepareAsync(SimulatedBroker broker) => broker.Backend.PrepareTransactionAsync(_producer!, []);

    protected override TransactionClient Client(string id) => TransactionClient.InProcess(id);
}
