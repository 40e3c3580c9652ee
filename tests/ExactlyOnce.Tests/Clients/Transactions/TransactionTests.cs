using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Clients.Producing;

namespace ExactlyOnce.Tests.Clients.Transactions;

public sealed class TransactionTests : IAsyncDisposable
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Utf8);

    private readonly FakeBackend _backend = new();
    private readonly Broker _broker;

    public TransactionTests() => _broker = new Broker(_backend, new BrokerOptions());

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    public async Task Commit_sends_everything_and_then_ends_the_transaction()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        await transaction.SendAsync(s_orders, "k", "b");
        await transaction.SendAsync(s_invoices, "k", "c");
        _backend["orders"].Batches.Should().BeEmpty();

        await transaction.CommitAsync();

        _backend["orders"].Batches.Should().ContainSingle().Which.IsTransactional.Should().BeTrue();
        _backend["invoices"].Values.Should().Equal("c");
        _backend.Ends.Should().Equal("commit");
    }

    [Fact]
    public async Task Records_do_not_wait_for_acknowledgements_of_their_own()
    {
        _backend.HoldsAnswers = true;
        var options = new TransactionalProducerOptions { BatchSize = 512 };
        await using var producer = await _broker.CreateTransactionalProducerAsync("t", options);
        await using var transaction = await producer.BeginTransactionAsync();
        for (var i = 0; i < 20; i++)
            await transaction.SendAsync(s_orders, "k", new string('x', 100));
        _backend.HeldCount.Should().BePositive();

        await transaction.CommitAsync();

        _backend["orders"].Records.Should().HaveCount(20);
        _backend.HoldsAnswers = false;
        _backend.Release();
    }

    [Fact]
    public async Task Disposing_without_a_commit_aborts_and_sends_nothing_that_was_still_open()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using (var transaction = await producer.BeginTransactionAsync())
            await transaction.SendAsync(s_orders, "k", "a");

        _backend.Ends.Should().Equal("abort");
        _backend["orders"].Records.Should().BeEmpty();
    }

    [Fact]
    public async Task Every_transaction_numbers_its_batches_from_zero_under_an_epoch_of_its_own()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        for (var i = 0; i < 3; i++)
        {
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(s_orders, "k", $"{i}");
            await transaction.CommitAsync();
        }

        _backend["orders"].Batches.Select(batch => (batch.Producer.Epoch, batch.BaseSequence)).Should().Equal((0, 0), (1, 0), (2, 0));
    }

    [Fact]
    public async Task A_second_transaction_waits_for_the_end_of_the_first()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var first = await producer.BeginTransactionAsync();

        await producer.Awaiting(p => p.BeginTransactionAsync().AsTask()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*still open*");
        await first.AbortAsync();

        await using var second = await producer.BeginTransactionAsync();
        await second.CommitAsync();
    }

    [Fact]
    public async Task A_failed_record_makes_the_transaction_abortable_only()
    {
        _backend.AddTopic("orders", topic => topic.MaxMessageBytes = 500);
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        await transaction.Awaiting(t => t.SendAsync(s_orders, "k", new string('x', 500)).AsTask()).Should().ThrowAsync<RecordTooLargeException>();

        var refused = await transaction.Awaiting(t => t.CommitAsync().AsTask()).Should().ThrowAsync<TransactionAbortableException>();
        refused.Which.Recovery.Should().Be(ErrorRecovery.AbortTransaction);
        refused.Which.InnerException.Should().BeOfType<RecordTooLargeException>();
        await transaction.AbortAsync();

        await using var next = await producer.BeginTransactionAsync();
        await next.SendAsync(s_orders, "k", "b");
        await next.CommitAsync();
        _backend.Ends.Should().Equal("abort", "commit");
    }

    [Fact]
    public async Task A_batch_that_is_refused_at_the_end_prevents_the_commit()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        _backend.RefuseNext(new TransactionTimedOutException("open for 61 s"));

        await transaction.Awaiting(t => t.CommitAsync().AsTask()).Should().ThrowAsync<TransactionTimedOutException>();
        await transaction.AbortAsync();

        _backend.Ends.Should().NotContain("commit");
    }

    [Fact]
    public async Task A_record_cancelled_before_it_had_its_place_leaves_the_transaction_whole()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        await transaction.Awaiting(t => t.SendAsync(s_orders, "k", "b", new CancellationToken(canceled: true)).AsTask())
            .Should().ThrowAsync<OperationCanceledException>();

        await transaction.CommitAsync();

        _backend["orders"].Values.Should().Equal("a");
    }

    [Fact]
    public async Task After_its_end_a_transaction_takes_nothing_more()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var ended = await producer.BeginTransactionAsync();
        await ended.SendAsync(s_orders, "k", "a");
        await ended.CommitAsync();
        await using var next = await producer.BeginTransactionAsync();

        await ended.Awaiting(t => t.SendAsync(s_orders, "k", "late").AsTask()).Should().ThrowAsync<InvalidOperationException>();
        await next.SendAsync(s_orders, "k", "b");
        await ended.Awaiting(t => t.SendAsync(s_orders, "k", "late").AsTask()).Should().ThrowAsync<InvalidOperationException>("not even into a batch that is open");
        await ended.Awaiting(t => t.CommitAsync().AsTask()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*committed already*");
        await ended.Awaiting(t => t.AbortAsync().AsTask()).Should().ThrowAsync<InvalidOperationException>();

        await next.CommitAsync();
        _backend["orders"].Values.Should().Equal("a", "b");
    }

    [Fact]
    public async Task A_passing_error_leaves_the_commit_to_be_tried_again()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        _backend.EndFailures.Enqueue(new TransientException(ErrorCode.CoordinatorNotAvailable, "in a moment"));

        await transaction.Awaiting(t => t.CommitAsync().AsTask()).Should().ThrowAsync<TransientException>();
        await transaction.CommitAsync();

        _backend.Ends.Should().Equal("commit");
    }

    [Fact]
    public async Task A_commit_cut_off_by_a_broken_broker_names_the_transaction_to_ask_for()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        _backend.EndFailures.Enqueue(new ClientInvalidatedException(ErrorCode.OutcomeUnknown, "sync failed"));

        var unknown = await transaction.Awaiting(t => t.CommitAsync().AsTask()).Should().ThrowAsync<TransactionOutcomeUnknownException>();

        unknown.Which.Should().Match<TransactionOutcomeUnknownException>(e => e.TransactionalId == "t" && e.ProducerId == 1000 && e.Epoch == 0);
        await producer.Awaiting(p => p.BeginTransactionAsync().AsTask()).Should().ThrowAsync<TransactionOutcomeUnknownException>();
        _backend.Ends.Should().BeEmpty();
    }

    [Fact]
    public async Task A_newer_producer_with_the_same_id_fences_the_older_and_its_abort_asks_nobody()
    {
        await using var older = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await older.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        await using var newer = await _broker.CreateTransactionalProducerAsync("t");

        await transaction.Awaiting(t => t.SendAsync(s_orders, "k", "b").AsTask()).Should().ThrowAsync<ProducerFencedException>();
        await transaction.Awaiting(t => t.CommitAsync().AsTask()).Should().ThrowAsync<ProducerFencedException>();
        await transaction.AbortAsync();

        _backend.Ends.Should().BeEmpty();
        await older.Awaiting(p => p.BeginTransactionAsync().AsTask()).Should().ThrowAsync<ProducerFencedException>();
    }

    [Fact]
    public async Task Offsets_travel_with_the_commit_merged_per_group()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        transaction.AddOffsets(Offsets("g", 0, 5));
        transaction.AddOffsets(Offsets("g", 1, 7));
        transaction.AddOffsets(Offsets("g", 0, 9));

        await transaction.CommitAsync();

        var offsets = _backend.EndedOffsets.Should().ContainSingle().Subject.Should().ContainSingle().Subject;
        offsets.Offsets.Select(pair => (pair.Key.Partition, pair.Value.Offset)).Should().BeEquivalentTo([(0, 9L), (1, 7L)]);
        transaction.Invoking(t => t.AddOffsets(Offsets("g", 0, 10))).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public async Task A_prepared_transaction_survives_its_disposal_and_is_decided_by_its_token()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");

        (await transaction.PrepareAsync()).Should().Be("token-1");
        await transaction.DisposeAsync();
        _backend.Ends.Should().Equal("prepare");
        await transaction.CommitAsync();

        _backend.Ends.Should().Equal("prepare", "commit token-1");
        await using var next = await producer.BeginTransactionAsync();
        _backend.Sessions.Should().HaveCount(2, "the token ended the transaction behind the session's back, so that it takes a new identity");
    }

    [Fact]
    public async Task InTransaction_commits_what_the_body_wrote_and_answers_its_result()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");

        var result = await producer.InTransactionAsync(async (transaction, ct) =>
        {
            await transaction.SendAsync(s_orders, "k", "a", ct);
            return 42;
        });

        result.Should().Be(42);
        _backend.Ends.Should().Equal("commit");
    }

    [Fact]
    public async Task InTransaction_aborts_and_tries_again_when_the_error_says_so()
    {
        var options = new TransactionalProducerOptions { RetryBackoff = TimeSpan.Zero };
        await using var producer = await _broker.CreateTransactionalProducerAsync("t", options);
        _backend.EndFailures.Enqueue(new TransactionTimedOutException("too slow"));
        var runs = 0;

        await producer.InTransactionAsync(async (transaction, ct) =>
        {
            runs++;
            await transaction.SendAsync(s_orders, "k", $"run {runs}", ct);
        });

        runs.Should().Be(2);
        _backend.Ends.Should().Equal("abort", "commit");
    }

    [Fact]
    public async Task InTransaction_takes_a_new_identity_when_the_old_one_is_lost_but_never_fences_back()
    {
        var options = new TransactionalProducerOptions { RetryBackoff = TimeSpan.Zero };
        await using var producer = await _broker.CreateTransactionalProducerAsync("t", options);
        _backend.EndFailures.Enqueue(new ClientInvalidatedException(ErrorCode.InvalidProducerIdMapping, "expired"));
        await producer.InTransactionAsync((transaction, ct) => transaction.SendAsync(s_orders, "k", "a", ct).AsTask());
        _backend.Sessions.Should().HaveCount(2);

        _backend.EndFailures.Enqueue(new ProducerFencedException("somebody newer"));
        await producer.Awaiting(p => p.InTransactionAsync((transaction, ct) => transaction.SendAsync(s_orders, "k", "b", ct).AsTask()))
            .Should().ThrowAsync<ProducerFencedException>();
        _backend.Sessions.Should().HaveCount(2);
    }

    [Fact]
    public async Task InTransaction_passes_on_what_the_body_throws_after_aborting()
    {
        await using var producer = await _broker.CreateTransactionalProducerAsync("t");

        await producer.Awaiting(p => p.InTransactionAsync(async (transaction, ct) =>
        {
            await transaction.SendAsync(s_orders, "k", "a", ct);
            throw new FormatException("mine");
        })).Should().ThrowAsync<FormatException>();

        _backend.Ends.Should().Equal("abort");
    }

    [Fact]
    public async Task Disposing_the_producer_aborts_its_open_transaction_and_can_be_done_twice()
    {
        var producer = await _broker.CreateTransactionalProducerAsync("t");
        var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");

        await producer.DisposeAsync();
        await producer.DisposeAsync();

        _backend.Ends.Should().Equal("abort");
        await producer.Awaiting(p => p.BeginTransactionAsync().AsTask()).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Options_are_validated_when_the_producer_is_created()
    {
        await Refused<InvalidRequestException>("t", new TransactionalProducerOptions { TransactionTimeout = TimeSpan.FromHours(1) });
        await Refused<InvalidRequestException>("t", new TransactionalProducerOptions { TransactionTimeout = TimeSpan.Zero });
        await Refused<ArgumentOutOfRangeException>("t", new TransactionalProducerOptions { BatchSize = 1 });
        await Refused<ArgumentOutOfRangeException>("t", new TransactionalProducerOptions { MaxAttempts = 0 });
        await Refused<ArgumentException>(" ", new TransactionalProducerOptions());
        await Refused<ArgumentException>(new string('x', 250), new TransactionalProducerOptions());
        _backend.Sessions.Should().BeEmpty();

        async Task Refused<TException>(string id, TransactionalProducerOptions options)
            where TException : Exception =>
            await _broker.Awaiting(broker => broker.CreateTransactionalProducerAsync(id, options)).Should().ThrowAsync<TException>();
    }

    private static TransactionOffsets Offsets(string group, int partition, long offset) =>
        new(group, null, new Dictionary<TopicPartition, CommittedOffset> { [new TopicPartition("orders", partition)] = new(offset) });
}
