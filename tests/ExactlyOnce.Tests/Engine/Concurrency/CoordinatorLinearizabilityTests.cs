using CsCheck;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// The transaction coordinator under threads is one that was asked one thing after the other: an epoch is given once, a transaction ends once, and all of it at
/// once.
/// </summary>
public sealed class CoordinatorLinearizabilityTests
{
    // Low ones often: each step that succeeds leads to the next.
    private static readonly Gen<int> s_epoch = Gen.OneOf(Gen.Int[0, 1], Gen.Int[0, 2], Gen.Int[0, 4]);

    private static readonly Gen<CoordinatorStep> s_init = Gen.Const(0).Select(_ => (CoordinatorStep)new CoordinatorStep.Init());

    private static readonly Gen<CoordinatorStep> s_write = Gen.Select(
        s_epoch, Gen.Int[0, 1], Gen.Int[0, 1], (epoch, partition, sequence) => (CoordinatorStep)new CoordinatorStep.Write(epoch, partition, sequence));

    private static readonly Gen<CoordinatorStep> s_end = Gen.Select(s_epoch, Gen.Bool, (epoch, isCommit) => (CoordinatorStep)new CoordinatorStep.End(epoch, isCommit));

    private static readonly Gen<CoordinatorStep> s_prepare = s_epoch.Select(epoch => (CoordinatorStep)new CoordinatorStep.Prepare(epoch));

    private static readonly Gen<CoordinatorStep> s_resolve = Gen.Select(
        s_epoch, Gen.Bool, (epoch, isCommit) => (CoordinatorStep)new CoordinatorStep.Resolve(epoch, isCommit));

    private static readonly Gen<CoordinatorStep> s_list = Gen.Bool.Select(isPrepared => (CoordinatorStep)new CoordinatorStep.List(isPrepared));

    private static readonly Gen<CoordinatorStep> s_read = Gen.Int[0, 1].Select(partition => (CoordinatorStep)new CoordinatorStep.Read(partition));

    [Theory]
    [InlineData(Durability.Memory)]
    [InlineData(Durability.Flushed)]
    public void Takeovers_writes_ends_and_decisions_happen_one_after_the_other(Durability durability) => Linearizability.Check(
        durability,
        Gen.OneOf(s_init, s_write, s_write, s_write, s_end, s_end, s_prepare, s_resolve, s_list, s_read),
        share => new CoordinatorSubject(share),
        () => new CoordinatorModel());

    private sealed class CoordinatorSubject(EngineShare share) : Subject<CoordinatorStep>(share)
    {
        private string _id = "";
        private long _producerId;

        protected override void Prepare(ThreadedEngine engine)
        {
            engine.CreateTopic(partitions: 2);
            _id = $"id-{engine.Number}";
            _producerId = engine.Init(_id).Identity.Id;
        }

        protected override string Answer(CoordinatorStep step) => ThreadedEngine.Ask(() => step switch
        {
            CoordinatorStep.Init => Epoch(Engine.Init(_id)),
            CoordinatorStep.Write write => Engine.Append(write.Partition, Client(write.Epoch), write.Sequence, 1, step.Value),
            CoordinatorStep.End end => End(Client(end.Epoch), end.IsCommit),
            CoordinatorStep.Prepare prepare => Prepare(prepare.Epoch),
            CoordinatorStep.Resolve resolve => Resolve(Token(resolve.Epoch), resolve.IsCommit),
            CoordinatorStep.List list => list.IsPrepared ? Prepared() : Open(),
            CoordinatorStep.Read read => Read(read.Partition),
            _ => throw new ArgumentOutOfRangeException(nameof(step)),
        });

        protected override string ReadState() => $"{Open()}, {Prepared()}: {Read(0)}; {Read(1)}";

        private string End(ProducerSession client, bool isCommit)
        {
            ThreadedEngine.Wait(Engine.Backend.EndTransactionAsync(client, isCommit, []));
            return Epoch(client);
        }

        private string Prepare(int epoch)
        {
            var token = ThreadedEngine.Wait(Engine.Backend.PrepareTransactionAsync(Client(epoch), []));
            return token == Token(epoch) ? $"token {epoch}" : token;
        }

        private string Resolve(string token, bool isCommit)
        {
            ThreadedEngine.Wait(Engine.Backend.ResolvePreparedAsync(token, isCommit, CancellationToken.None));
            return "resolved";
        }

        private string Open() =>
            ThreadedEngine.Wait(Engine.Backend.ListOpenAsync(CancellationToken.None)).FirstOrDefault(open => open.TransactionalId == _id) is { } open
                ? $"{open.Epoch} is open in {Partitions(open.Partitions)}"
                : "none is open";

        private string Prepared() =>
            ThreadedEngine.Wait(Engine.Backend.ListPreparedAsync(CancellationToken.None)).FirstOrDefault(prepared => prepared.TransactionalId == _id) is { } prepared &&
                PreparedToken.TryParse(prepared.Token, out _, out var identity)
                ? $"{identity.Epoch} is prepared in {Partitions(prepared.Partitions)}"
                : "none is prepared";

        private string Read(int partition) => Engine.Read(partition, from: 0, IsolationLevel.ReadCommitted);

        private string Token(int epoch) => PreparedToken.Format(_id, Client(epoch).Identity);

        private ProducerSession Client(int epoch) => new() { Identity = new ProducerIdentity(_producerId, (short)epoch), TransactionalId = _id };

        private static string Epoch(ProducerSession client) => $"epoch {client.Identity.Epoch}";

        private static string Partitions(IEnumerable<TopicPartition> partitions) => string.Join(' ', partitions.Select(partition => partition.Partition));
    }
}
