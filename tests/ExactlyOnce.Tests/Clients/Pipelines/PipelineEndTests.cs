using System.Collections.Concurrent;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Engine.Wire;

namespace ExactlyOnce.Tests.Clients.Pipelines;

/// <summary>How a pipeline is stopped without haste, and what a handler of batches may say about the record it failed on.</summary>
[Collection(nameof(ExactlyOnce.Tests.Diagnostics.Meters))]
public sealed class PipelineEndTests : IAsyncLifetime
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_dead = Topic.Create("orders.dead", Serdes.Utf8, Serdes.Utf8);
    private static readonly TopicPartition s_first = new("orders", 0);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    private readonly Broker _broker = Broker.CreateInMemory();
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _broker.DisposeAsync();

    [Fact]
    public async Task Stopping_finishes_the_batch_at_hand_and_reads_no_other()
    {
        await PublishAsync("1", "2");
        var seen = new ConcurrentQueue<string>();
        await using var billing = _broker.CreatePipeline("billing").Read(s_orders).WithBatch(1).Process(async (orders, _, ct) =>
        {
            seen.Enqueue(orders[0].Value);
            _entered.SetResult();
            await _released.Task.WaitAsync(ct);
        });
        var running = billing.RunAsync();
        await _entered.Task.WaitAsync(s_soon);

        var stopping = billing.StopAsync();
        stopping.IsCompleted.Should().BeFalse("a batch is at hand");
        _released.SetResult();
        await stopping.WaitAsync(s_soon);

        await running;
        seen.Should().Equal("1");
        (await OffsetAsync("billing")).Should().Be(1);
    }

    [Fact]
    public async Task Several_handlers_that_do_not_return_cost_a_closing_broker_its_patience_once()
    {
        var broker = Broker.CreateInMemory(options => options.CloseTimeout = TimeSpan.FromSeconds(1));
        var entered = new CountdownEvent(10);
        for (var number = 0; number < 10; number++)
            _ = broker.CreatePipeline($"stuck-{number}").Read(s_orders).Process(async (_, _, _) =>
            {
                entered.Signal();
                await _released.Task;
            }).RunAsync();
        await broker.PublishAsync(s_orders, "k", "1");
        entered.Wait(s_soon).Should().BeTrue();

        await broker.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(8));

        _released.SetResult();
    }

    [Fact]
    public async Task Stopping_with_no_patience_left_aborts_the_batch_at_hand()
    {
        await PublishAsync("1");
        await using var billing = _broker.CreatePipeline("billing").Read(s_orders).Process(async (_, _, ct) =>
        {
            _entered.TrySetResult();
            await _released.Task.WaitAsync(ct);
        });
        var running = billing.RunAsync();
        await _entered.Task.WaitAsync(s_soon);
        using var patience = new CancellationTokenSource();

        var stopping = billing.StopAsync(patience.Token);
        await patience.CancelAsync();
        await stopping.WaitAsync(s_soon);

        await running;
        (await OffsetAsync("billing")).Should().BeNull("nothing was done");
    }

    [Fact]
    public async Task A_pipeline_that_waits_to_try_again_stops_at_once_and_can_be_run_again()
    {
        await PublishAsync("1");
        var mayWork = false;
        await using var billing = _broker.CreatePipeline("billing").Read(s_orders).WithRetry(5, TimeSpan.FromHours(1)).Process((_, _, _) =>
        {
            _entered.TrySetResult();
            return mayWork ? default : throw new FormatException("not yet");
        });
        var running = billing.RunAsync();
        await _entered.Task.WaitAsync(s_soon);

        await billing.StopAsync().WaitAsync(s_soon);
        await running;
        mayWork = true;
        await billing.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await OffsetAsync("billing")).Should().Be(1);
    }

    [Fact]
    public async Task A_batch_handler_that_names_the_record_it_failed_on_repeats_what_stands_in_front_of_it_once_and_loses_only_that_record()
    {
        await PublishAsync("1", "2", "bad", "3");
        var tried = new ConcurrentQueue<string>();
        await using var billing = _broker.CreatePipeline("billing").Read(s_orders).WithRetry(3, TimeSpan.Zero).DeadLetterTo(s_dead).Process((orders, _, _) =>
        {
            foreach (var order in orders)
            {
                tried.Enqueue(order.Value);
                if (order.Value == "bad")
                    throw HandlerFailedException.At(order.TopicPartition, order.Offset, new FormatException("bad"));
            }
            return default;
        });

        await billing.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        tried.Should().Equal("1", "2", "bad", "1", "2", "bad", "bad", "3");
        await using var dead = _broker.CreateConsumer(s_dead).StartFrom(StartFrom.Earliest).Build();
        var letters = new List<ConsumerRecord<string, string>>();
        await foreach (var letter in dead.ReadToEndAsync())
            letters.Add(letter);
        letters.Should().ContainSingle().Which.Value.Should().Be("bad");
        letters[0].Headers.GetText(DeadLetterHeaders.Attempts).Should().Be("3");
        letters[0].Headers.GetText(DeadLetterHeaders.Exception).Should().Be(typeof(FormatException).FullName);
    }

    [Fact]
    public async Task Workers_share_out_the_partitions_before_any_of_them_begins()
    {
        await _broker.Admin.CreateTopicAsync("orders", topic => topic.Partitions = 4);
        for (var partition = 0; partition < 4; partition++)
            await _broker.PublishAsync(s_orders, new ProducerRecord<string, string>("k", $"{partition}") { Partition = partition });
        var entered = 0;
        await using var billing = _broker.CreatePipeline("billing").Read(s_orders).WithWorkers(4).Process(async (_, _, ct) =>
        {
            if (Interlocked.Increment(ref entered) == 4)
                _entered.SetResult();
            await _released.Task.WaitAsync(ct);
        });

        var running = billing.RunAsync();
        await _entered.Task.WaitAsync(s_soon);
        _released.SetResult();
        await billing.StopAsync().WaitAsync(s_soon);

        await running;
    }

    [Fact]
    public void A_broker_says_what_stopped_it_from_writing()
    {
        var broker = WireBroker.Open(Place.Folder);
        broker.Broker.Failure.Should().BeNull();

        broker.Disk.Plan(new PlannedFault(DiskOperations.Sync, 1, FaultKind.IoError));
        broker.Start(() => broker.Broker.PublishAsync(s_orders, "k", "v")).IsFaulted.Should().BeTrue();

        broker.Broker.Failure.Should().NotBeNull();
    }

    private async Task PublishAsync(params string[] values)
    {
        await using var producer = _broker.CreateProducer(s_orders).Build();
        foreach (var value in values)
            await producer.PostAsync("k", value);
        await producer.FlushAsync();
    }

    private async Task<long?> OffsetAsync(string group) =>
        (await _broker.Admin.GetGroupOffsetsAsync(group, "orders")).TryGetValue(s_first, out var offset) ? offset.Offset : null;
}
