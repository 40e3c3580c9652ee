using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Primitives;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>What tools are shown of transactions and producers (wire.md 9.8): enough to find one that hangs.</summary>
public sealed class TransactionListingTests
{
    private readonly WireBroker _broker = Open();

    [Fact]
    public void A_transaction_is_described_with_its_partitions_and_its_beginning()
    {
        var producer = new WireProducer(_broker).Ready(timeoutMs: 30_000);
        Describe("checkout").Should().BeEquivalentTo(new WireTransaction("checkout", "Empty", producer.Identity, 30_000, -1, []));
        var beginning = _broker.Backend.Engine.NowMs;
        producer.Add(Second, First);
        _broker.Pass(TimeSpan.FromSeconds(5));

        Describe("checkout").Should().BeEquivalentTo(new WireTransaction("checkout", "Ongoing", producer.Identity, 30_000, beginning, [First, Second]));
        producer.End(commit: true);
        Describe("checkout").Should().BeEquivalentTo(new WireTransaction("checkout", "CompleteCommit", producer.Identity, 30_000, beginning, []));
        Describe("nothing").Should().BeNull();
    }

    [Fact]
    public void Transactions_are_listed_by_state_producer_age_and_name()
    {
        var (old, young) = (new WireProducer(_broker, "old").Ready(), new WireProducer(_broker, "young").Ready());
        new WireProducer(_broker, "idle").Ready();
        old.Add(First);
        _broker.Pass(TimeSpan.FromSeconds(10));
        young.Add(First);

        List(new ListTransactionsCall()).Should().Equal("idle", "old", "young");
        List(new ListTransactionsCall { States = ["Ongoing"] }).Should().Equal("old", "young");
        List(new ListTransactionsCall { States = ["Empty", "Ongoing"] }).Should().HaveCount(3);
        List(new ListTransactionsCall { ProducerIds = [young.Identity.Id] }).Should().Equal("young");
        List(new ListTransactionsCall { OpenForMs = 9_999 }).Should().Equal("old");
        List(new ListTransactionsCall { OpenForMs = 10_000 }).Should().BeEmpty();
        List(new ListTransactionsCall { IdPattern = "o.*|y" }).Should().Equal("old");
        _broker.Run(() => _broker.Wire.ListTransactionsAsync(new ListTransactionsCall { States = ["Busy", "Ongoing"] })).UnknownStates.Should().Equal("Busy");
        _broker.Run(() => _broker.Wire.ListTransactionsAsync(new ListTransactionsCall { IdPattern = "*" })).Error.Should().Be(ErrorCode.InvalidRegularExpression);
    }

    [Fact]
    public void A_partition_tells_which_producers_it_remembers_and_where_their_open_transactions_begin()
    {
        new WireProducer(_broker, null).Ready().Send(First, "plain", isTransactional: false);
        var producer = new WireProducer(_broker).Ready();
        producer.Add(First, Second);
        producer.Send(First, "a");
        producer.Send(First, "b");

        var remembered = Producers(First)!.Single(known => known.Identity == producer.Identity);
        remembered.LastSequence.Should().Be(1);
        remembered.LastTimestamp.Should().Be(_broker.Backend.Engine.NowMs);
        remembered.CoordinatorEpoch.Should().Be(-1);
        remembered.TransactionFirstOffset.Should().Be(1);
        Producers(Second).Should().BeEmpty("it was added there and has not written");
        producer.End(commit: false);

        Producers(First)!.Single(known => known.Identity == producer.Identity).Should().Match<PartitionProducer>(known => known.TransactionFirstOffset == -1 && known.CoordinatorEpoch == 0);
        Producers(Missing).Should().BeNull();
    }

    private WireTransaction? Describe(string id) => _broker.Run(() => _broker.Wire.DescribeTransactionsAsync([id])).Single();

    private IEnumerable<string> List(ListTransactionsCall call) => _broker.Run(() => _broker.Wire.ListTransactionsAsync(call)).Transactions.Select(found => found.TransactionalId);

    private IReadOnlyList<PartitionProducer>? Producers(TopicPartition partition) => _broker.Run(() => _broker.Wire.DescribeProducersAsync(partition));
}
