using System.Collections.Concurrent;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

/// <summary>The client library's promises once more, on the real engine and the real clock.</summary>
public sealed class PipelineTests
{
    private static readonly Topic<string, string> s_dead = Topic.Create("orders.dead", Serdes.Utf8, Serdes.Utf8);

    [Fact]
    public async Task A_handler_that_fails_now_and_then_repeats_nothing_and_loses_nothing()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("orders", options => options.Partitions = 3);
        await PublishAsync(broker, 60);
        var chance = new ConcurrentDictionary<string, bool>();
        await using var billing = broker.CreatePipeline("billing").Read(Orders).WithWorkers(2).WithBatch(7).WithRetry(5, TimeSpan.FromMilliseconds(1))
            .ProcessEach(async (order, output, ct) =>
            {
                await output.SendAsync(Invoices, order.Key, order.Value, ct);
                if (order.Offset % 5 == 0 && chance.TryAdd(order.Value, true))
                    throw new FormatException("the first time");
            });

        await billing.RunUntilCaughtUpAsync().WaitAsync(Soon);
        await billing.RunUntilCaughtUpAsync().WaitAsync(Soon);

        (await ReadAsync(broker, Invoices)).Should().BeEquivalentTo(Enumerable.Range(0, 60).Select(i => $"{i}"));
        var offsets = await broker.Admin.GetGroupOffsetsAsync("billing", "orders");
        offsets.Values.Sum(offset => offset.Offset).Should().Be(60);
    }

    [Fact]
    public async Task A_record_that_always_fails_is_moved_to_the_dead_letter_topic_once()
    {
        await using var broker = Broker.CreateInMemory();
        await PublishAsync(broker, 5);
        await using var billing = broker.CreatePipeline("billing").Read(Orders).WithRetry(2, TimeSpan.Zero).DeadLetterTo(s_dead)
            .ProcessEach((order, output, ct) => order.Value == "3" ? throw new FormatException("no") : output.SendAsync(Invoices, order.Key, order.Value, ct));

        await billing.RunUntilCaughtUpAsync().WaitAsync(Soon);

        (await ReadAsync(broker, Invoices)).Should().Equal("0", "1", "2", "4");
        (await ReadAsync(broker, s_dead)).Should().Equal("3");
    }

    [Fact]
    public async Task A_pipeline_that_stops_leaves_its_position_in_front_of_the_record_that_failed()
    {
        await using var broker = Broker.CreateInMemory();
        await PublishAsync(broker, 4);
        var isRepaired = false;
        await using var billing = broker.CreatePipeline("billing").Read(Orders).WithBatch(1).WithRetry(2, TimeSpan.Zero)
            .ProcessEach((order, output, ct) =>
                order.Value == "2" && !isRepaired ? throw new FormatException("no") : output.SendAsync(Invoices, order.Key, order.Value, ct));

        var failed = await FluentActions.Awaiting(() => billing.RunUntilCaughtUpAsync().WaitAsync(Soon)).Should().ThrowAsync<HandlerFailedException>();
        (failed.Which.Offset, failed.Which.Attempts).Should().Be((2, 2));
        (await ReadAsync(broker, Invoices)).Should().Equal("0", "1");
        isRepaired = true;
        await billing.RunUntilCaughtUpAsync().WaitAsync(Soon);

        (await ReadAsync(broker, Invoices)).Should().Equal("0", "1", "2", "3");
    }

    [Fact]
    public async Task A_subscription_handles_every_record_before_it_is_closed()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("orders");
        var handled = new ConcurrentQueue<string>();
        var subscription = broker.Subscribe(Orders, record => handled.Enqueue(record.Value));
        await PublishAsync(broker, 20);

        await subscription.DisposeAsync();

        handled.Should().Equal(Enumerable.Range(0, 20).Select(i => $"{i}"));
    }

    [Fact]
    public async Task The_workers_of_a_pipeline_share_the_work_and_do_it_once()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("orders", options => options.Partitions = 4);
        await PublishAsync(broker, 40);
        using var ending = new CancellationTokenSource();
        await using var pipeline = broker.CreatePipeline("billing").Read(Orders).WithWorkers(4).WithBatch(3)
            .To(Invoices, order => (order.Key, order.Value));
        var running = pipeline.RunAsync(ending.Token);
        await PublishAsync(broker, 40, from: 40);
        for (var i = 0; i < 500 && (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Values.Sum(offset => offset.Offset) < 80; i++)
            await Task.Delay(10);

        await ending.CancelAsync();
        await running.WaitAsync(Soon);

        (await ReadAsync(broker, Invoices)).Should().BeEquivalentTo(Enumerable.Range(0, 80).Select(i => $"{i}"));
    }

    private static async Task PublishAsync(Broker broker, int count, int from = 0)
    {
        for (var i = from; i < from + count; i++)
            await broker.PublishAsync(Orders, $"key {i}", $"{i}");
    }

    private static async Task<List<string>> ReadAsync(Broker broker, Topic<string, string> topic)
    {
        var values = new List<string>();
        await using var consumer = broker.CreateConsumer(topic).Build();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    }
}
