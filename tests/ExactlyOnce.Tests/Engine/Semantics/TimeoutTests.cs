using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class TimeoutTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_millisecond = TimeSpan.FromMilliseconds(1);

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_transaction_that_is_as_old_as_its_timeout_may_still_commit(Place place)
    {
        await using var broker = await OpenAsync(place);
        var producer = await SignedProducer.OpenAsync(broker, "t", s_timeout);
        await producer.WriteAsync(First, 0, "a");

        broker.Clock.Advance(s_timeout - s_millisecond);
        await producer.EndAsync(commit: true);

        (await broker.ReadAsync()).Should().Equal("a");
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_transaction_that_is_older_than_its_timeout_is_aborted_and_its_commit_says_timed_out_not_fenced(Place place)
    {
        await using var broker = await OpenAsync(place);
        var producer = await SignedProducer.OpenAsync(broker, "t", s_timeout);
        await producer.WriteAsync(First, 0, "a");

        broker.Clock.Advance(s_timeout + s_millisecond);
        var failure = (await FluentActions.Awaiting(() => producer.EndAsync(commit: true)).Should().ThrowAsync<TransactionTimedOutException>()).Which;

        failure.Recovery.Should().Be(ErrorRecovery.AbortTransaction);
        broker.Offsets(First).LastStable.Should().Be(broker.Offsets(First).HighWatermark, "nothing is open any more");
        (await broker.ReadAsync()).Should().BeEmpty();
        (await broker.ReadAsync(isolation: IsolationLevel.ReadUncommitted)).Should().Equal("a");
    }

    [Fact]
    public async Task Aborting_after_the_timeout_succeeds_and_the_next_transaction_works()
    {
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync(timeout: s_timeout);
        var late = await producer.BeginTransactionAsync();
        var filler = new string('x', 400);
        for (var i = 0; i < 4; i++)
            await late.SendAsync(Orders, "k", $"late {filler}");
        broker.Offsets(First).HighWatermark.Should().BeGreaterThan(0, "full batches are sent while the transaction is open");
        broker.Clock.Advance(s_timeout + s_millisecond);

        await FluentActions.Awaiting(async () => await late.CommitAsync()).Should().ThrowAsync<TransactionTimedOutException>();
        await late.AbortAsync();
        await producer.InTransactionAsync((transaction, ct) => transaction.SendAsync(Orders, "k", "next", ct).AsTask());

        (await broker.ReadAsync()).Should().Equal("next");
    }

    [Fact]
    public async Task Disposing_a_transaction_that_timed_out_lets_the_next_one_work()
    {
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync(timeout: s_timeout);
        var filler = new string('x', 400);
        for (var round = 0; round < 3; round++)
        {
            await using var late = await producer.BeginTransactionAsync();
            for (var i = 0; i < 4; i++)
                await late.SendAsync(Orders, "k", filler);
            broker.Clock.Advance(s_timeout + s_millisecond);
        }

        await producer.InTransactionAsync((transaction, ct) => transaction.SendAsync(Orders, "k", "next", ct).AsTask());

        (await broker.ReadAsync()).Should().Equal("next");
    }

    [Fact]
    public async Task A_timed_out_producer_is_told_fenced_once_another_instance_holds_its_id()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t", s_timeout);
        await producer.WriteAsync(First, 0, "a");
        broker.Clock.Advance(s_timeout + s_millisecond);
        await SignedProducer.OpenAsync(broker, "t", s_timeout);

        await FluentActions.Awaiting(() => producer.EndAsync(commit: true)).Should().ThrowAsync<ProducerFencedException>();
    }

    [Fact]
    public async Task A_write_after_the_timeout_says_timed_out_and_stores_nothing()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t", s_timeout);
        await producer.WriteAsync(First, 0, "a");
        broker.Clock.Advance(s_timeout + s_millisecond);
        var end = broker.Offsets(First).HighWatermark;

        var outcome = await producer.AppendAsync(First, 1, "b");

        outcome.Exception.Should().BeOfType<TransactionTimedOutException>();
        broker.Offsets(First).HighWatermark.Should().Be(end);
    }

    [Fact]
    public async Task A_prepared_transaction_does_not_time_out()
    {
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync(timeout: s_timeout);
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", "prepared");
        await transaction.PrepareAsync();

        broker.Clock.Advance(TimeSpan.FromHours(1));
        (await broker.ReadAsync()).Should().BeEmpty();
        await transaction.CommitAsync();

        (await broker.ReadAsync()).Should().Equal("prepared");
    }
}
