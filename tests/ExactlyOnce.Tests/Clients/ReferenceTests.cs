using System.Buffers;
using System.Runtime.CompilerServices;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Clients;

/// <summary>Topics whose values are the objects themselves: who gets them, who is refused, and when the log lets go of them.</summary>
public sealed class ReferenceTests
{
    private static readonly TopicPartition s_first = new("orders", 0);
    private static readonly Topic<string, Order> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Reference<Order>());
    private static readonly Topic<string, Order> s_invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Reference<Order>());
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Every_reader_gets_the_object_itself_and_a_null_stays_a_tombstone()
    {
        await using var broker = await TestBroker.OpenAsync();
        var (one, two) = (new Order(1), new Order(2));
        var seen = new List<Order>();
        await using (broker.Broker.Subscribe(s_orders, record => seen.Add(record.Value)))
        {
            await broker.Broker.PublishAsync(s_orders, "k", one);
            await broker.Broker.PublishAsync(s_orders, "k", null!);
            await using var producer = broker.Broker.CreateProducer(s_orders).WithCompression(CompressionType.Gzip).Build();
            await producer.PostAsync("k", two);
            await producer.PostAsync("k", one);
            await producer.FlushAsync();
        }

        seen.Should().Equal(one, null!, two, one);
        seen[0].Should().BeSameAs(one);
        (await ReadAsync(broker.Broker)).Should().Equal(one, null!, two, one);
    }

    [Fact]
    public async Task A_pipeline_reads_and_writes_objects_exactly_once()
    {
        await using var broker = await TestBroker.OpenAsync();
        var orders = Enumerable.Range(0, 100).Select(number => new Order(number)).ToList();
        foreach (var order in orders)
            await broker.Broker.PublishAsync(s_orders, "k", order);
        var attempts = 0;
        await using var billing = broker.Broker.CreatePipeline("billing").Read(s_orders).WithBatch(10).WithRetry(3, TimeSpan.Zero).Process(async (batch, output, ct) =>
        {
            foreach (var order in batch)
                await output.SendAsync(s_invoices, order.Key, order.Value, ct);
            if (++attempts % 2 == 1)
                throw new TimeoutException("every other time");
        });

        await billing.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await ReadAsync(broker.Broker, s_invoices)).Should().Equal(orders);
        CountOf(broker, new TopicPartition("invoices", 0)).Should().Be(10, "what was aborted is not held");
    }

    [Fact]
    public async Task A_broker_that_holds_bytes_refuses_an_object_and_says_what_to_use()
    {
        await using var broker = await TestBroker.OpenAsync(Place.Folder);

        await broker.Broker.Invoking(b => b.PublishAsync(s_orders, "k", new Order(1)).AsTask()).Should().ThrowAsync<InvalidRequestException>().WithMessage("*only a broker in memory*Serdes.Json*");
        await using var producer = await broker.Broker.CreateTransactionalProducerAsync("checkout");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.Invoking(t => t.SendAsync(s_orders, "k", new Order(1)).AsTask()).Should().ThrowAsync<InvalidRequestException>();
    }

    [Fact]
    public async Task A_compacted_topic_refuses_an_object()
    {
        await using var broker = await TestBroker.OpenAsync(topic: options => options.Cleanup = CleanupPolicy.Compact);

        await broker.Broker.Invoking(b => b.PublishAsync(s_orders, "k", new Order(1)).AsTask()).Should().ThrowAsync<InvalidRequestException>().WithMessage("*is compacted*");
    }

    [Fact]
    public void An_object_has_no_bytes_for_a_key_or_for_whoever_asks_for_some()
    {
        var key = () => Topic.Create("orders", Serdes.Reference<Order>(), Serdes.Utf8);

        key.Should().Throw<ArgumentException>().WithMessage("*use Serdes.Reference for values*");
        s_orders.ValueSerde.Invoking(serde => serde.Serialize(new Order(1), new ArrayBufferWriter<byte>())).Should().Throw<InvalidOperationException>().WithMessage("*has no bytes*");
        s_orders.ValueSerde.Invoking(serde => serde.Deserialize([])).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public async Task Deleting_records_lets_go_of_their_objects_and_of_no_others()
    {
        await using var broker = await TestBroker.OpenAsync();
        // As many as close the first chunks: what is deleted goes in whole chunks.
        var (first, kept) = await PublishManyAsync(broker, 20_000);
        await broker.Admin.DeleteRecordsAsync(s_first, 19_999);

        Collect();

        first.TryGetTarget(out _).Should().BeFalse("its record is gone");
        (await ReadAsync(broker.Broker)).Should().ContainSingle().Which.Should().BeSameAs(kept);
    }

    [Fact]
    public async Task A_log_that_keeps_to_a_size_lets_go_of_the_objects_that_fall_out()
    {
        await using var broker = await TestBroker.OpenAsync(topic: options => options.RetainBytes = ChunkPool.SmallestBytes);
        await using var producer = broker.Broker.CreateProducer(s_orders).Build();
        var batches = 0;
        while (broker.Offsets(s_first).LogStart == 0)
        {
            for (var i = 0; i < 1000; i++)
                await producer.PostAsync("k", new Order(i));
            await producer.FlushAsync();
            (++batches).Should().BeLessThan(10_000, "the log is to be cut");
        }

        CountOf(broker, s_first).Should().BeLessThan(batches);
        await broker.Admin.DeleteAllRecordsAsync(s_first);
        CountOf(broker, s_first).Should().Be(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_abort_lets_go_of_the_objects_and_a_commit_keeps_them(bool isByAdministrator)
    {
        await using var broker = await TestBroker.OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        await using (var committed = await producer.BeginTransactionAsync())
        {
            await committed.SendAsync(s_orders, "k", new Order(1));
            await committed.CommitAsync();
        }
        var aborted = await producer.BeginTransactionAsync();
        // More than a batch, so that some of them are in the log before the end.
        for (var i = 0; i < 100; i++)
            await aborted.SendAsync(s_orders, "k", new Order(2));
        CountOf(broker, s_first).Should().BeGreaterThan(1);

        if (isByAdministrator)
            await broker.Admin.AbortTransactionAsync("checkout");
        else
            await aborted.AbortAsync();

        CountOf(broker, s_first).Should().Be(1);
        (await ReadAsync(broker.Broker)).Should().Equal(new Order(1));
        await aborted.DisposeAsync();
    }

    [Fact]
    public async Task A_batch_that_is_refused_leaves_nothing_behind()
    {
        await using var broker = await TestBroker.OpenAsync();
        await using var producer = broker.Broker.CreateProducer(s_orders).WithLinger(TimeSpan.FromMinutes(1)).Build();
        await producer.PostAsync("k", new Order(1));
        await producer.FlushAsync();
        var partition = broker.Partition(s_first);

        await producer.PostAsync("k", new Order(2));
        await broker.Admin.DeleteTopicAsync("orders");
        await producer.Invoking(p => p.FlushAsync().AsTask()).Should().ThrowAsync<BrokerException>();

        partition.References!.Count.Should().Be(1, "only the batch that was accepted");
    }

    [Fact]
    public async Task A_record_that_is_known_by_its_id_leaves_nothing_behind_and_its_original_is_kept()
    {
        await using var broker = await TestBroker.OpenAsync(topic: options => options.MessageIdWindow = TimeSpan.FromHours(1));
        await using var producer = broker.Broker.CreateProducer(s_orders).Build();

        await producer.SendAsync("k", new Order(1), "id-1");
        (await producer.SendAsync("k", new Order(2), "id-1")).IsDuplicate.Should().BeTrue();

        CountOf(broker, s_first).Should().Be(1);
        (await ReadAsync(broker.Broker)).Should().Equal(new Order(1));
    }

    [Fact]
    public async Task Objects_beside_bytes_in_one_batch_are_let_go_of_with_it()
    {
        await using var broker = await TestBroker.OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        await producer.InTransactionAsync(async (transaction, ct) =>
        {
            await transaction.SendAsync(TestBroker.Orders, "k", "bytes", ct);
            await transaction.SendAsync(s_orders, "k", new Order(1), ct);
        });
        CountOf(broker, s_first).Should().Be(1);

        await broker.Admin.DeleteAllRecordsAsync(s_first);

        CountOf(broker, s_first).Should().Be(0);
    }

    [Fact]
    public async Task A_dead_letter_is_the_object_itself()
    {
        var dead = Topic.Create("orders.dead", Serdes.Utf8, Serdes.Reference<Order>());
        await using var broker = await TestBroker.OpenAsync();
        var bad = new Order(13);
        foreach (var order in new[] { new Order(1), bad, new Order(2) })
            await broker.Broker.PublishAsync(s_orders, "k", order);
        await using var billing = broker.Broker.CreatePipeline("billing").Read(s_orders).WithRetry(2, TimeSpan.Zero).DeadLetterTo(dead)
            .ProcessEach((order, _, _) => order.Value.Number == 13 ? throw new FormatException("unlucky") : default);

        await billing.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await ReadAsync(broker.Broker, dead)).Should().ContainSingle().Which.Should().BeSameAs(bad);
    }

    [Fact]
    public async Task Bytes_that_stand_for_no_object_are_told_as_what_they_are()
    {
        await using var broker = await TestBroker.OpenAsync();
        await broker.Broker.PublishAsync(TestBroker.Orders, "k", "twelve bytes");

        await FluentActions.Awaiting(() => ReadAsync(broker.Broker)).Should().ThrowAsync<RecordDeserializationException>().WithMessage("*");
    }

    private static int CountOf(TestBroker broker, TopicPartition partition) => broker.Partition(partition).References!.Count;

    // Not inlined, so that no local of the test keeps the first object alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<(WeakReference<Order> First, Order Last)> PublishManyAsync(TestBroker broker, int count)
    {
        await using var producer = broker.Broker.CreateProducer(s_orders).Build();
        var first = new Order(0);
        await producer.PostAsync("k", first);
        for (var i = 1; i < count - 1; i++)
            await producer.PostAsync("k", new Order(i));
        await producer.FlushAsync();
        var last = new Order(count - 1);
        await producer.SendAsync("k", last);
        return (new WeakReference<Order>(first), last);
    }

    private static void Collect()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static async Task<List<Order>> ReadAsync(Broker broker, Topic<string, Order>? topic = null)
    {
        var values = new List<Order>();
        await using var consumer = broker.CreateConsumer(topic ?? s_orders).Build();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    }

    private sealed record Order(int Number);
}
