using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// Generation 1, as the Kafka endpoint serves it: the epoch stays from transaction to transaction, and an open transaction outlives the broker.
/// </summary>
internal sealed class NetworkDoor : TransactionDoor
{
    private static readonly TransactionClient s_client = TransactionClient.Network(TransactionGeneration.V1, "a connection");

    private ProducerIdentity _identity = ProducerIdentity.None;

    public override string Prefix => "remote";

    public override bool SurvivesBroker => true;

    public override bool RestartsSequences => false;

    public override bool CanPrepare => false;

    public override ProducerIdentity Identity => _identity;

    public override ProducerSession? Producer => null;

    public override async ValueTask<HeldIdentity> InitAsync(SimulatedBroker broker, string id, TimeSpan timeout)
    {
        var command = new InitProducerCommand(id, s_client) { TimeoutMs = (int)timeout.TotalMilliseconds };
        var reply = broker.Engine.Transactions.InitProducer(command, broker.Engine.NowMs);
        await AnswerAsync(broker, reply.Decision, reply.Lsn, id);
        _identity = reply.Decision.Identity;
        return new HeldIdentity(_identity.Id, _identity.Epoch);
    }

    public override void Send(SimulatedBroker broker, string id, SentBatch.Delivery delivery)
    {
        var partition = (EnginePartition)delivery.Partition!;
        var engine = broker.Engine;
        var receipt = partition.Partition.Append(delivery.Header, delivery.Bytes, AppendOrigin.Client, engine.NowMs);
        TransactionDecision? enrolment = null;
        if (receipt.NeedsEnrolment)
        {
            receipt = engine.Transactions.EnrolAndAppend(
                partition.Partition, id, s_client, delivery.Header, delivery.Bytes, engine.NowMs, out enrolment, out var deadlineMs);
            engine.Deadlines.RearmFor(deadlineMs);
        }
        if (partition.Answer(delivery, receipt, enrolment) == AppendStatus.Completed)
            delivery.OnCompleted();
    }

    public override async ValueTask EndAsync(SimulatedBroker broker, string id, bool commit, TransactionPositions? positions)
    {
        OffsetCommitRequest[] requests = positions is null
            ? []
            : [new OffsetCommitRequest { Group = positions.Group, Offsets = broker.Engine.ToOffsetValues(positions.Offsets), AllOrNothing = true }];
        var reply = broker.Engine.Transactions.End(id, _identity, commit, requests, s_client, broker.Engine.NowMs, out var refused);
        await VisibilityWait.For(broker.Engine, reply.Lsn);
        broker.Engine.TransactionEnded.Pulse();
        if (refused is not null)
            throw Refusals.Of(refused.Verdict, refused.Group);
        await AnswerAsync(broker, reply.Decision, reply.Lsn, id);
        if (!reply.Decision.Identity.IsNone)
            _identity = reply.Decision.Identity;
    }

    public override ValueTask<string> PrepareAsync(SimulatedBroker broker) => throw new InvalidOperationException("Generation 1 does not prepare.");

    private static async ValueTask AnswerAsync(SimulatedBroker broker, TransactionDecision decision, long lsn, string id)
    {
        await VisibilityWait.For(broker.Engine, lsn);
        if (decision.IsRefused)
            throw Refusals.Of(decision, id);
    }

    protected override TransactionClient Client(string id) => s_client;
}
