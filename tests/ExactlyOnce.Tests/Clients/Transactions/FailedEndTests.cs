using ExactlyOnce.Tests.Clients.Producing;

namespace ExactlyOnce.Tests.Clients.Transactions;

/// <summary>Transactions whose end did not go as it was asked for.</summary>
public sealed class FailedEndTests
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Utf8);

    [Fact]
    public async Task A_transaction_whose_commit_was_refused_for_its_offsets_is_aborted_at_once_and_holds_up_nobody()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.PublishAsync(s_orders, "k", "1");
        await using var checkout = await broker.CreateTransactionalProducerAsync("checkout");
        await using var member = broker.CreateConsumer(s_orders).InGroup("billing").WithInstanceId("one").Build();
        await using (var transaction = await checkout.BeginTransactionAsync())
        {
            await foreach (var batch in member.ReadBatchesAsync())
            {
                await transaction.SendAsync(s_invoices, "k", "never");
                transaction.AddOffsets(member, batch);
                await using var successor = broker.CreateConsumer(s_orders).InGroup("billing").WithInstanceId("one").Build();
                await successor.GetLagAsync();
                await transaction.Awaiting(fenced => fenced.CommitAsync().AsTask()).Should().ThrowAsync<ClientInvalidatedException>();
                break;
            }
        }

        (await broker.Admin.ListOpenTransactionsAsync()).Should().BeEmpty("disposing of a transaction aborts it");
        await broker.PublishAsync(s_invoices, "k", "later");
        var seen = new List<string>();
        await using var reader = broker.CreateConsumer(s_invoices).Build();
        await foreach (var record in reader.ReadToEndAsync())
            seen.Add(record.Value);
        seen.Should().Equal("later");
    }

    [Fact]
    public async Task A_transaction_whose_abort_failed_cannot_be_committed_without_its_records()
    {
        var backend = new FakeBackend();
        await using var broker = new Broker(backend, new BrokerOptions());
        await using var producer = await broker.CreateTransactionalProducerAsync("t");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_orders, "k", "a");
        backend.EndFailures.Enqueue(new TransientException(ErrorCode.ConcurrentTransactions, "Later."));
        await transaction.Awaiting(failing => failing.AbortAsync().AsTask()).Should().ThrowAsync<TransientException>();

        await transaction.Awaiting(half => half.CommitAsync().AsTask()).Should().ThrowAsync<InvalidOperationException>();

        await transaction.AbortAsync();
        backend.Ends.Should().Equal("abort");
    }

    [Fact]
    public async Task A_batch_of_an_aborted_transaction_that_fails_late_is_no_concern_of_the_next_one()
    {
        var backend = new FakeBackend { HoldsAnswers = true };
        await using var broker = new Broker(backend, new BrokerOptions());
        await using var producer = await broker.CreateTransactionalProducerAsync("t", new TransactionalProducerOptions { BatchSize = 512 });
        var aborted = await producer.BeginTransactionAsync();
        await aborted.SendAsync(s_orders, "k", new string('x', 600));
        backend.HeldCount.Should().Be(1, "its answer is on its way");
        await aborted.AbortAsync();
        await using var next = await producer.BeginTransactionAsync();
        await next.SendAsync(s_orders, "k", "b");

        backend.PendingFailure = new InvalidRequestException(ErrorCode.InvalidRecord, "Refused.");
        backend.Release();

        backend.HoldsAnswers = false;
        await next.CommitAsync();
        backend.Ends.Should().Equal("abort", "commit");
    }

    [Fact]
    public async Task A_record_for_a_transaction_that_has_ended_is_refused_also_while_the_producer_has_no_identity()
    {
        var backend = new FakeBackend();
        await using var broker = new Broker(backend, new BrokerOptions());
        await using var producer = await broker.CreateTransactionalProducerAsync("t");
        var ended = await producer.BeginTransactionAsync();
        await ended.SendAsync(s_orders, "k", "a");
        backend.EndFailures.Enqueue(new TransientException(ErrorCode.ConcurrentTransactions, "Later."));
        await ended.DisposeAsync();
        backend.InitFailures = 1;
        await producer.Awaiting(next => next.BeginTransactionAsync().AsTask()).Should().ThrowAsync<TransientException>();

        await ended.Awaiting(late => late.SendAsync(s_orders, "k", "b").AsTask()).Should().ThrowAsync<InvalidOperationException>();
    }
}
