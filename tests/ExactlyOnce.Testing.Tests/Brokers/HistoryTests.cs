using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Testing.Brokers;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.Brokers;

public sealed class HistoryTests
{
    [Fact]
    public async Task The_history_tells_what_was_written_committed_and_lost()
    {
        await using var test = TestBroker.Create();
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("checkout");
        await using (var transaction = await producer.BeginTransactionAsync())
        {
            await transaction.SendAsync(Shop.Orders, "a", 1);
            await transaction.CommitAsync();
        }
        test.Crash();
        await test.Broker.PublishAsync(Shop.Orders, "a", 2);

        var calls = test.History.OfType<Invoked>().Select(invoked => invoked.Call.GetType().Name);
        calls.Should().Equal(nameof(InitProducer), nameof(BeginTransaction), nameof(Write), nameof(EndTransaction), nameof(Write));
        test.History.OfType<Observed>().Select(observed => observed.Fact.GetType().Name).Should().Equal(nameof(BrokerDied), nameof(BrokerOpened));
        test.FindViolations().Should().BeEmpty();
    }

    [Fact]
    public async Task A_record_that_nobody_wrote_breaks_the_invariants()
    {
        await using var test = TestBroker.Create();
        await test.Broker.PublishAsync(Shop.Orders, "a", 1);
        await PublishBehindTheHistoryAsync(test, Shop.Orders, 2);

        test.FindViolations().Should().Contain(violation => violation.Invariant == Invariant.Genuine);
    }

    [Fact]
    public async Task A_record_that_stands_there_twice_breaks_the_invariants()
    {
        await using var test = TestBroker.Create();
        await test.Broker.PublishAsync(Shop.Orders, "a", 1);
        await PublishBehindTheHistoryAsync(test, Shop.Orders, 1);

        FluentActions.Invoking(test.VerifyInvariants).Should().Throw<InvariantViolatedException>()
            .Which.Violations.Should().Contain(violation => violation.Invariant == Invariant.NoDuplicate || violation.Invariant == Invariant.OneValuePerOffset);
    }

    [Fact]
    public async Task A_topic_that_is_deleted_and_made_again_is_another_one()
    {
        await using var test = TestBroker.Create();
        await Shop.OrderAsync(test, 3);
        await test.Broker.Admin.DeleteTopicAsync("orders");
        await test.Broker.Admin.CreateTopicAsync("orders");
        await using var producer = test.Broker.CreateProducer(Shop.Orders).Build();
        await producer.SendAsync("a", 1);
        await producer.SendAsync("a", 2);

        test.VerifyInvariants();
        test.Committed(Shop.Orders).Should().HaveCount(2);
    }

    [Fact]
    public async Task Deleted_records_and_prepared_transactions_keep_the_invariants()
    {
        await using var test = TestBroker.Create();
        await Shop.OrderAsync(test, 3);
        await test.Broker.Admin.DeleteRecordsAsync(new TopicPartition("orders", 0), 2);
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("checkout");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Shop.Invoices, "a", 1);
        var token = await transaction.PrepareAsync();
        test.Crash();
        await test.Broker.Admin.CommitPreparedAsync(token);

        test.VerifyInvariants();
        test.Committed(Shop.Invoices).Should().ContainSingle();
        test.Committed(Shop.Orders).Should().ContainSingle();
    }

    [Fact]
    public async Task A_test_broker_without_a_history_says_so()
    {
        await using var test = TestBroker.Create(options => options.KeepsHistory = false);
        await test.Broker.PublishAsync(Shop.Orders, "a", 1);

        FluentActions.Invoking(() => test.History).Should().Throw<InvalidOperationException>().WithMessage("*KeepsHistory*");
        FluentActions.Invoking(test.FindViolations).Should().Throw<InvalidOperationException>();
        test.Committed(Shop.Orders).Should().ContainSingle();
    }

    // A broken engine would write such a record; the sound one has to be made to.
    private static async Task PublishBehindTheHistoryAsync(TestBroker test, Topic<string, long> topic, long value)
    {
        var engine = ((TestBackend)test.Broker.Backend).Inner;
        await new Broker(engine, new BrokerOptions()).PublishAsync(topic, "a", value);
    }
}
