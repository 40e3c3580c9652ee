using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// A Kafka client of one generation, as an endpoint passes its requests on: it outlives the broker's process, repeats requests, and sends them late.
/// </summary>
internal sealed class NetworkProducer(BrokerEngine engine, string id, TransactionGeneration generation = TransactionGeneration.V2)
{
    private readonly TransactionClient _client = TransactionClient.Network(generation, $"client of {id}");

    public ProducerIdentity Identity { get; set; } = ProducerIdentity.None;

    /// <summary>The same client, connected to another run of the broker.</summary>
    public NetworkProducer On(BrokerEngine other, TransactionGeneration? speaking = null) => new(other, id, speaking ?? generation) { Identity = Identity };

    public TransactionDecision Init(ProducerIdentity? expected = null, int timeoutMs = 60_000)
    {
        var reply = engine.Transactions.InitProducer(
            new InitProducerCommand(id, _client) { Expected = expected ?? ProducerIdentity.None, TimeoutMs = timeoutMs }, engine.NowMs);
        AssertVisible(reply.Lsn);
        engine.Deadlines.Rearm();
        if (!reply.Decision.IsRefused)
            Identity = reply.Decision.Identity;
        return reply.Decision;
    }

    public AppendReceipt Append(TopicPartition partition, int sequence, params string[] values)
    {
        var target = engine.Partitions.Find(partition)!;
        var (header, batch) = SignedProducer.Batch(Identity, sequence, engine.NowMs, BatchAttributes.Transactional, values);
        var receipt = target.Append(header, batch, AppendOrigin.Client, engine.NowMs);
        if (receipt.NeedsEnrolment)
            receipt = engine.Transactions.EnrolAndAppend(target, id, _client, header, batch, engine.NowMs, out _, out _);
        engine.Journal.Drive();
        engine.Deadlines.Rearm();
        return receipt;
    }

    /// <summary>EndTxn, with offsets when any are given; the client goes on with the identity it is answered.</summary>
    public TransactionDecision End(bool commit, long? offset = null)
    {
        OffsetCommitRequest[] offsets = offset is not { } next ? [] :
            [new OffsetCommitRequest { Group = SteppedBroker.Group, Offsets = [new OffsetValue(engine.Partitions.Find(TestBroker.Second)!.Key, next)], AllOrNothing = true }];
        var reply = engine.Transactions.End(id, Identity, commit, offsets, _client, engine.NowMs, out _);
        AssertVisible(reply.Lsn);
        if (!reply.Decision.IsRefused && !reply.Decision.Identity.IsNone)
            Identity = reply.Decision.Identity;
        return reply.Decision;
    }

    /// <summary>True when the answer may be given; a broker whose journal has failed gives none.</summary>
    public bool IsAnswered(long lsn) => engine.IsVisible(lsn);

    private void AssertVisible(long lsn)
    {
        SyncWait.For(engine.Journal, lsn);
        if (!engine.IsVisible(lsn))
            engine.Journal.ThrowIfFailed();
    }
}
