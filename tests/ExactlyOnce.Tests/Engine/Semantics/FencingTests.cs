using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class FencingTests
{
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task A_newer_producer_fences_the_older_one_and_aborts_what_it_left_open(Place place)
    {
        await using var broker = await OpenAsync(place);
        await using var older = await broker.TransactionalAsync();
        var zombie = await older.BeginTransactionAsync();
        await zombie.SendAsync(Orders, "k", "lost");

        await using var newer = await broker.TransactionalAsync();
        var fenced = (await FluentActions.Awaiting(async () => await zombie.CommitAsync()).Should().ThrowAsync<ProducerFencedException>()).Which;
        await newer.InTransactionAsync((transaction, ct) => transaction.SendAsync(Orders, "k", "kept", ct).AsTask());

        fenced.Recovery.Should().Be(ErrorRecovery.RecreateClient);
        fenced.Message.Should().Contain("checkout").And.Contain("a producer opened at 03:04:05", "it says by whom and when");
        (await broker.ReadAsync()).Should().Equal("kept");
    }

    [Fact]
    public async Task A_zombie_is_refused_at_its_next_batch_with_the_words_of_who_fenced_it()
    {
        await using var broker = await OpenAsync();
        var older = await SignedProducer.OpenAsync(broker, "t");
        await older.WriteAsync(First, 0, "a");
        await SignedProducer.OpenAsync(broker, "t");

        var outcome = await older.AppendAsync(First, 1, "b");

        outcome.Error.Should().Be(ErrorCode.ProducerFenced);
        outcome.Exception.Should().BeOfType<ProducerFencedException>().Which.Message.Should().Contain("a producer opened at 03:04:05");
        (await broker.ReadAsync()).Should().BeEmpty();
        broker.Offsets(First).HighWatermark.Should().Be(2, "the zombie's record and the marker that aborted it");
    }

    [Fact]
    public async Task A_newer_named_producer_fences_the_older_one()
    {
        await using var broker = await OpenAsync();
        await using var older = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();
        await older.SendAsync("k", "1", sourceSequence: 1);
        await using var newer = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();
        (await newer.GetLastSourceSequenceAsync()).Should().Be(1);

        var fenced = (await FluentActions.Awaiting(async () => await older.SendAsync("k", "2", sourceSequence: 2))
            .Should().ThrowAsync<ProducerFencedException>()).Which;

        fenced.Message.Should().Contain("import").And.Contain("a producer opened at 03:04:05");
        await newer.SendAsync("k", "2 of the newer", sourceSequence: 2);
        (await broker.ReadAsync()).Should().Equal("1", "2 of the newer");
    }

    [Fact]
    public async Task Of_instances_that_open_the_same_id_at_the_same_time_exactly_one_commits()
    {
        await using var broker = await OpenAsync();
        var producers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(() => broker.TransactionalAsync("race"))));
        var outcomes = await Task.WhenAll(producers.Select((producer, i) => Task.Run(async () =>
        {
            try
            {
                await using var transaction = await producer.BeginTransactionAsync();
                await transaction.SendAsync(Orders, "k", $"{i}");
                await transaction.CommitAsync();
                return true;
            }
            catch (ProducerFencedException)
            {
                return false;
            }
        })));

        outcomes.Count(won => won).Should().Be(1);
        (await broker.ReadAsync()).Should().Equal($"{Array.IndexOf(outcomes, true)}");
    }

    [Fact]
    public async Task Opening_again_raises_the_epoch_of_the_same_producer_also_across_a_restart()
    {
        await using var broker = await OpenAsync(Place.Folder);
        var first = (await SignedProducer.OpenAsync(broker, "t")).Identity;
        var second = (await SignedProducer.OpenAsync(broker, "t")).Identity;
        await broker.ReopenAsync();
        var third = (await SignedProducer.OpenAsync(broker, "t")).Identity;

        second.Id.Should().Be(first.Id);
        third.Id.Should().Be(first.Id);
        new[] { first.Epoch, second.Epoch, third.Epoch }.Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
    }

    [Fact]
    public async Task Asking_again_for_a_newer_epoch_is_answered_as_the_first_time_also_across_a_restart()
    {
        await using var broker = await OpenAsync(Place.Folder);
        ProducerIdentity Ask(ProducerIdentity expected) => broker.Engine.Transactions.InitProducer(
            new InitProducerCommand("t", TransactionClient.Network(TransactionGeneration.V2, "a connection")) { Expected = expected }, broker.Engine.NowMs).Decision.Identity;
        var first = Ask(ProducerIdentity.None);
        var second = Ask(first);
        second.Should().Be(first with { Epoch = (short)(first.Epoch + 1) });

        Ask(first).Should().Be(second, "its answer was lost");
        await broker.ReopenAsync();
        Ask(first).Should().Be(second, "and the broker went down");
        Ask(second).Epoch.Should().Be((short)(second.Epoch + 1));
        Ask(first).IsNone.Should().BeTrue("by now it is an older incarnation");
    }

    [Fact]
    public async Task Ending_a_transaction_again_is_answered_as_the_first_time()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");
        var retry = producer.As(producer.Identity);
        await producer.WriteAsync(First, 0, "a");
        await producer.EndAsync(commit: true);

        await retry.EndAsync(commit: true);

        retry.Identity.Should().Be(producer.Identity);
        broker.Offsets(First).HighWatermark.Should().Be(2, "there is one marker");
        await FluentActions.Awaiting(() => retry.As(new(producer.Identity.Id, (short)(producer.Identity.Epoch - 1))).EndAsync(commit: false))
            .Should().ThrowAsync<BrokerException>("what was committed cannot be aborted");
    }

    [Fact]
    public async Task A_delayed_end_of_a_transaction_cannot_end_the_next_one()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker, "t");
        var delayed = producer.As(producer.Identity);
        await producer.WriteAsync(First, 0, "1");
        await producer.EndAsync(commit: true);
        await producer.WriteAsync(First, 0, "2");

        await FluentActions.Awaiting(() => delayed.EndAsync(commit: true)).Should().ThrowAsync<BrokerException>();

        (await broker.ReadAsync()).Should().Equal(["1"], "the next one is still open");
        await producer.EndAsync(commit: false);
        (await broker.ReadAsync()).Should().Equal("1");
    }

    [Fact]
    public async Task An_id_that_nobody_used_for_long_is_forgotten_and_its_old_producer_refused()
    {
        await using var broker = await OpenAsync();
        var old = await SignedProducer.OpenAsync(broker, "t");
        await old.WriteAsync(First, 0, "a");
        await old.EndAsync(commit: true);
        broker.Clock.Advance(TimeSpan.FromDays(7) + TimeSpan.FromMilliseconds(1));
        broker.Engine.Transactions.ExpireIds(new HashSet<string>(), broker.Engine.NowMs);

        var outcome = await old.AppendAsync(First, 0, "b");

        outcome.Error.Should().Be(ErrorCode.InvalidProducerIdMapping);
        var renewed = await SignedProducer.OpenAsync(broker, "t");
        renewed.Identity.Should().NotBe(old.Identity);
        (await old.AppendAsync(First, 0, "b")).Error.Should().NotBe(ErrorCode.None, "a new holder does not let the zombie write");
        await FluentActions.Awaiting(() => old.EndAsync(commit: true)).Should().ThrowAsync<ClientInvalidatedException>();
        broker.Offsets(First).HighWatermark.Should().Be(2, "the record and its marker are all that was ever written");
    }

    [Fact]
    public async Task An_operator_finds_and_ends_a_transaction_that_hangs()
    {
        await using var broker = await OpenAsync();
        var hanging = await SignedProducer.OpenAsync(broker, "t");
        await hanging.WriteAsync(First, 0, "a");
        await using var prepared = await broker.TransactionalAsync("prepared");
        await using var undecided = await prepared.BeginTransactionAsync();
        await undecided.SendAsync(Invoices, "k", "undecided");
        var token = await undecided.PrepareAsync();
        var later = await SignedProducer.OpenAsync(broker);
        await later.WriteAsync(First, 0, "b");

        var found = (await broker.Admin.ListOpenTransactionsAsync()).Should().ContainSingle().Which;
        found.Should().BeEquivalentTo(new TransactionDescription("t", hanging.Identity.Id, hanging.Identity.Epoch, broker.Clock.GetUtcNow(), [First]));
        (await broker.ReadAsync()).Should().BeEmpty("it holds readers back");
        await broker.Admin.AbortTransactionAsync(found.TransactionalId);

        (await broker.ReadAsync()).Should().Equal("b");
        (await FluentActions.Awaiting(() => hanging.EndAsync(commit: true)).Should().ThrowAsync<BrokerException>()).WithMessage("*an operator*");
        (await broker.Admin.ListOpenTransactionsAsync()).Should().BeEmpty();
        foreach (var id in new[] { "t", "prepared", "unknown" })
            await FluentActions.Awaiting(() => broker.Admin.AbortTransactionAsync(id)).Should().ThrowAsync<InvalidRequestException>();
        await broker.Admin.CommitPreparedAsync(token);
        (await broker.ReadAsync(Invoices)).Should().Equal("undecided");
    }
}
