using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class TwoPhaseTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_prepared_transaction_survives_restarts_undecided_and_its_token_decides_it_once(bool commit)
    {
        await using var broker = await OpenAsync(Place.Folder);
        var token = await PrepareAsync(broker);
        await broker.ReopenAsync();
        await broker.ReopenAsync();
        (await broker.ReadAsync()).Should().BeEmpty();
        (await broker.Admin.ListPreparedTransactionsAsync()).Should().ContainSingle().Which.Should().Match<PreparedTransaction>(
            prepared => prepared.Token == token && prepared.TransactionalId == "checkout" && prepared.Partitions.Count == 2);

        await ResolveAsync(broker, token, commit);
        await ResolveAsync(broker, token, commit);
        await FluentActions.Awaiting(() => ResolveAsync(broker, token, !commit)).Should().ThrowAsync<InvalidRequestException>("it is decided already");
        await broker.ReopenAsync();
        await ResolveAsync(broker, token, commit);

        (await broker.ReadAsync()).Should().Equal(commit ? ["order"] : []);
        (await broker.ReadAsync(Invoices)).Should().Equal(commit ? ["invoice"] : []);
        (await broker.Admin.ListPreparedTransactionsAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Opening_a_producer_again_does_not_decide_what_is_prepared()
    {
        await using var broker = await OpenAsync();
        var token = await PrepareAsync(broker);

        await FluentActions.Awaiting(async () =>
        {
            await using var next = await broker.TransactionalAsync();
        }).Should().ThrowAsync<BrokerException>("the decision is the outer coordinator's");

        await broker.Admin.CommitPreparedAsync(token);
        (await broker.ReadAsync()).Should().Equal("order");
        await using var after = await broker.TransactionalAsync();
        await after.InTransactionAsync((transaction, ct) => transaction.SendAsync(Orders, "k", "next", ct).AsTask());
        (await broker.ReadAsync()).Should().Equal("order", "next");
    }

    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_prepared_transaction_takes_nothing_more_in_also_after_a_restart(Place place)
    {
        await using var broker = await OpenAsync(place);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "order");
        var token = await broker.Backend.PrepareTransactionAsync(producer.Session, []);

        for (var round = 0; round < 2; round++)
        {
            (await producer.AppendAsync(First, 1, "late")).Error.Should().Be(ErrorCode.InvalidTransactionState, "where the transaction has been");
            (await producer.AppendAsync(new TopicPartition("invoices", 0), 0, "late")).Error.Should().Be(ErrorCode.InvalidTransactionState, "where it has not");
            (await producer.WriteAsync(First, 0, "order")).Should().Be(0, "a retry is answered like its original");
            if (place == Place.Folder)
                await broker.ReopenAsync();
        }

        await broker.Admin.CommitPreparedAsync(token);
        (await broker.ReadAsync()).Should().Equal("order");
        (await broker.ReadAsync(Invoices)).Should().BeEmpty();
    }

    [Fact]
    public async Task A_token_that_is_not_known_is_refused()
    {
        await using var broker = await OpenAsync();

        await FluentActions.Awaiting(() => broker.Admin.CommitPreparedAsync("nonsense")).Should().ThrowAsync<InvalidRequestException>();
        await FluentActions.Awaiting(() => broker.Admin.AbortPreparedAsync("checkout:1:2:3")).Should().ThrowAsync<InvalidRequestException>();
    }

    [Fact]
    public async Task The_same_producer_goes_on_after_its_prepared_transaction_is_decided()
    {
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        foreach (var commit in new[] { true, false, true })
        {
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(Orders, "k", $"{commit}");
            await transaction.PrepareAsync();
            await (commit ? transaction.CommitAsync() : transaction.AbortAsync());
        }

        (await broker.ReadAsync()).Should().Equal("True", "True");
    }

    [Fact]
    public async Task The_outcome_of_a_transaction_can_be_asked_for_also_after_a_restart()
    {
        await using var broker = await OpenAsync(Place.Folder);
        var producer = await SignedProducer.OpenAsync(broker, "t", TimeSpan.FromSeconds(30));
        var committed = producer.Identity;
        await producer.WriteAsync(First, 0, "a");
        (await OutcomeAsync(broker, committed)).Should().Be(TransactionOutcome.Open);
        await producer.EndAsync(commit: true);
        var aborted = producer.Identity;
        await producer.WriteAsync(First, 0, "b");
        await producer.EndAsync(commit: false);
        var timedOut = producer.Identity;
        await producer.WriteAsync(First, 0, "c");
        broker.Clock.Advance(TimeSpan.FromSeconds(31));

        for (var round = 0; round < 2; round++)
        {
            (await OutcomeAsync(broker, committed)).Should().Be(TransactionOutcome.Committed);
            (await OutcomeAsync(broker, aborted)).Should().Be(TransactionOutcome.Aborted);
            (await OutcomeAsync(broker, timedOut)).Should().Be(TransactionOutcome.TimedOut);
            (await broker.Admin.GetTransactionOutcomeAsync("nobody", 1, 0)).Should().Be(TransactionOutcome.Unknown);
            await broker.ReopenAsync();
        }
    }

    [Fact]
    public async Task What_a_closed_process_left_open_is_aborted_when_the_directory_is_opened_again()
    {
        await using var broker = await OpenAsync(Place.Folder);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        await producer.WriteAsync(First, 0, "left open");

        await broker.ReopenAsync();

        (broker.Offsets(First).LastStable, broker.Offsets(First).HighWatermark).Should().Be((2, 2));
        (await broker.ReadAsync()).Should().BeEmpty();
        await FluentActions.Awaiting(() => producer.EndAsync(commit: true)).Should().ThrowAsync<BrokerException>();
    }

    private static async Task<string> PrepareAsync(TestBroker broker)
    {
        var producer = await broker.TransactionalAsync();
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", "order");
        await transaction.SendAsync(Invoices, "k", "invoice");
        return await transaction.PrepareAsync();
    }

    private static Task ResolveAsync(TestBroker broker, string token, bool commit) =>
        commit ? broker.Admin.CommitPreparedAsync(token) : broker.Admin.AbortPreparedAsync(token);

    private static Task<TransactionOutcome> OutcomeAsync(TestBroker broker, ExactlyOnce.Kernel.Primitives.ProducerIdentity identity) =>
        broker.Admin.GetTransactionOutcomeAsync("t", identity.Id, identity.Epoch);
}
