using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using ExactlyOnce.Tests.Clients.Consuming;

namespace ExactlyOnce.Tests.Clients.Pipelines;

[Collection(nameof(ExactlyOnce.Tests.Diagnostics.Meters))]
public sealed class PipelineTests
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_dead = Topic.Create("orders.dead", Serdes.Utf8, Serdes.Utf8);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    private readonly MemoryBackend _backend = new();
    private readonly Broker _broker;

    public PipelineTests()
    {
        _backend.AddTopic("orders", 1);
        _backend.AddTopic("invoices", 1);
        _broker = _backend.ToBroker();
    }

    [Fact]
    public async Task A_pipeline_turns_every_record_into_its_output_and_commits_both_together()
    {
        AddOrders("1", "2", "3");
        await using var billing = _broker.CreatePipeline("billing").Read(s_orders).Process(async (orders, output, ct) =>
        {
            foreach (var order in orders)
                await output.SendAsync(s_invoices, order.Key, $"invoice {order.Value}", ct);
        });

        await CatchUpAsync(billing);

        Committed("invoices").Should().Equal("invoice 1", "invoice 2", "invoice 3");
        CommittedOffset().Should().Be(3);
        (_backend.Commits, _backend.Aborts).Should().Be((1, 0), "a batch is one transaction");
    }

    [Fact]
    public async Task A_pipeline_that_runs_again_goes_on_where_it_stopped()
    {
        AddOrders("1");
        await using (var first = Billing())
            await CatchUpAsync(first);
        AddOrders("2");
        await using var second = Billing();

        await CatchUpAsync(second);
        await CatchUpAsync(second);

        Committed("invoices").Should().Equal("1", "2");
    }

    [Fact]
    public async Task A_batch_that_fails_is_aborted_and_tried_again_after_a_growing_delay()
    {
        AddOrders("1", "2");
        var attempts = new ConcurrentQueue<DateTimeOffset>();
        await using var billing = Configured(builder => builder.WithRetry(4, TimeSpan.FromSeconds(1)))
            .Process(async (orders, output, ct) =>
            {
                attempts.Enqueue(_backend.Clock.GetUtcNow());
                await output.SendAsync(s_invoices, "k", $"attempt {attempts.Count}", ct);
                if (attempts.Count < 4)
                    throw new FormatException("not yet");
            });

        await CatchUpAsync(billing, TimeSpan.FromMilliseconds(250));

        Committed("invoices").Should().Equal("attempt 4");
        _backend.Partition("invoices").Entries.Count(entry => entry.Fate == BatchFate.Aborted).Should().Be(0, "nothing is sent before the commit asks for it");
        var times = attempts.ToArray();
        (times[1] - times[0]).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(1));
        (times[2] - times[1]).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(2));
        (times[3] - times[2]).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(4));
        CommittedOffset().Should().Be(2);
    }

    [Fact]
    public async Task While_a_partition_waits_for_its_next_attempt_the_others_go_on()
    {
        _backend.AddTopic("orders", 2);
        AddOrders("bad");
        AddOrdersTo(1, "good 1", "good 2");
        var failed = new TaskCompletionSource();
        await using var billing = Configured(builder => builder.WithBatch(1).WithRetry(2, TimeSpan.FromHours(1)))
            .ProcessEach(async (order, output, ct) =>
            {
                if (order.Value == "bad" && failed.TrySetResult())
                    throw new FormatException();
                await output.SendAsync(s_invoices, order.Key, order.Value, ct);
            });
        using var ending = new CancellationTokenSource();
        var running = billing.RunAsync(ending.Token);

        await failed.Task.WaitAsync(s_soon);
        await EventuallyAsync(() => Committed("invoices").Count == 2);

        Committed("invoices").Should().Equal("good 1", "good 2");
        _backend.Clock.Advance(TimeSpan.FromHours(1));
        await EventuallyAsync(() => Committed("invoices").Count == 3);
        await ending.CancelAsync();
        await running.WaitAsync(s_soon);
    }

    [Fact]
    public async Task A_failing_commit_is_retried_from_the_start_of_the_batch()
    {
        AddOrders("1", "2");
        var failures = 2;
        _backend.OnEndTransaction = (_, commit) => commit && failures-- > 0 ? new TransactionTimedOutException("open for too long") : null;
        await using var billing = Billing();

        await CatchUpAsync(billing, TimeSpan.FromSeconds(1));

        Committed("invoices").Should().Equal("1", "2");
        CommittedOffset().Should().Be(2);
    }

    [Fact]
    public async Task The_pipeline_stops_when_the_attempts_are_used_up_and_nothing_else_was_asked_for()
    {
        AddOrders("good", "bad");
        await using var billing = Configured(builder => builder.WithRetry(2, TimeSpan.Zero))
            .ProcessEach((order, output, ct) => order.Value == "bad" ? throw new FormatException("no") : output.SendAsync(s_invoices, "k", order.Value, ct));

        var failure = (await FluentActions.Awaiting(() => billing.RunAsync().WaitAsync(s_soon)).Should().ThrowAsync<HandlerFailedException>()).Which;

        (failure.TopicPartition, failure.Offset, failure.Attempts).Should().Be((new TopicPartition("orders", 0), 1, 2));
        failure.InnerException.Should().BeOfType<FormatException>();
        failure.Message.Should().Contain("billing").And.Contain("orders-0@1");
        Committed("invoices").Should().Equal(["good"], "what stands in front of the record that failed is done by itself");
        CommittedOffset().Should().Be(1);
        _backend.Group("billing").Members.Should().BeEmpty("the worker has left its group");
    }

    [Fact]
    public async Task A_poison_record_is_found_in_its_batch_and_goes_to_the_dead_letter_topic_with_its_cause()
    {
        AddOrders([.. Enumerable.Range(0, 20).Select(i => i == 13 ? "poison" : $"{i}")]);
        var calls = 0;
        await using var billing = Configured(builder => builder.WithRetry(2, TimeSpan.Zero).DeadLetterTo(s_dead))
            .Process(async (orders, output, ct) =>
            {
                calls++;
                foreach (var order in orders)
                    await output.SendAsync(s_invoices, order.Key, order.Value == "poison" ? throw new FormatException("tastes odd") : order.Value, ct);
            });

        await CatchUpAsync(billing);

        Committed("invoices").Should().Equal(Enumerable.Range(0, 20).Where(i => i != 13).Select(i => $"{i}"));
        CommittedOffset().Should().Be(20);
        calls.Should().BeLessThanOrEqualTo(10, "the search halves: it does not begin anew behind every good piece");
        var dead = (await ReadAsync(s_dead, 1))[0];
        (dead.Key, dead.Value).Should().Be(("k13", "poison"), "key and value are moved as they were");
        dead.Headers.GetText(DeadLetterHeaders.Topic).Should().Be("orders");
        dead.Headers.GetText(DeadLetterHeaders.Partition).Should().Be("0");
        dead.Headers.GetText(DeadLetterHeaders.Offset).Should().Be("13");
        dead.Headers.GetText(DeadLetterHeaders.Exception).Should().Be("System.FormatException");
        dead.Headers.GetText(DeadLetterHeaders.Message).Should().Be("tastes odd");
        dead.Headers.GetText(DeadLetterHeaders.Pipeline).Should().Be("billing");
        int.Parse(dead.Headers.GetText(DeadLetterHeaders.Attempts)!, CultureInfo.InvariantCulture).Should().BeGreaterThanOrEqualTo(2);
        DateTimeOffset.Parse(dead.Headers.GetText(DeadLetterHeaders.Time)!, CultureInfo.InvariantCulture).Should().Be(_backend.Clock.GetUtcNow());
        _backend.Log.Of(3102).Should().ContainSingle();
    }

    [Fact]
    public async Task Several_poison_records_are_each_found_whatever_their_places()
    {
        var poison = new[] { 0, 1, 7, 18, 19 };
        AddOrders([.. Enumerable.Range(0, 20).Select(i => poison.Contains(i) ? "poison" : $"{i}")]);
        await using var billing = Configured(builder => builder.WithRetry(1).DeadLetterTo(s_dead))
            .ProcessEach((order, output, ct) =>
                order.Value == "poison" ? throw new FormatException() : output.SendAsync(s_invoices, order.Key, order.Value, ct));

        await CatchUpAsync(billing);

        Committed("invoices").Should().Equal(Enumerable.Range(0, 20).Except(poison).Select(i => $"{i}"));
        (await ReadAsync(s_dead, 5)).Select(record => record.Headers.GetText(DeadLetterHeaders.Offset)).Should().BeEquivalentTo("0", "1", "7", "18", "19");
    }

    [Fact]
    public async Task A_dead_letter_and_the_step_over_its_record_are_one_transaction()
    {
        AddOrders("poison");
        var fail = true;
        _backend.OnEndTransaction = (_, commit) =>
        {
            if (!commit || !fail)
                return null;
            fail = false;
            CommittedOffsets().Should().BeEmpty();
            return new ProducerFencedException("taken over just now");
        };
        await using var billing = Configured(builder => builder.WithRetry(1, TimeSpan.FromSeconds(1)).DeadLetterTo(s_dead))
            .ProcessEach((_, _, _) => throw new FormatException());

        await CatchUpAsync(billing, TimeSpan.FromSeconds(1));

        Committed("orders.dead").Should().Equal(["poison"], "the failed transaction left nothing behind");
        CommittedOffset().Should().Be(1);
    }

    [Fact]
    public async Task A_record_that_cannot_be_deserialized_goes_to_the_dead_letter_topic_at_once()
    {
        var numbers = Topic.Create("orders", Serdes.Utf8, Serdes.Int32);
        AddOrders("1234", "five!", "5678");
        var deadNumbers = Topic.Create("orders.dead", Serdes.Utf8, Serdes.Int32);
        var seen = new ConcurrentQueue<long>();
        await using var pipeline = _broker.CreatePipeline("billing").Read(numbers).WithRetry(5, TimeSpan.FromHours(1)).DeadLetterTo(deadNumbers)
            .ProcessEach((record, _, _) =>
            {
                seen.Enqueue(record.Offset);
                return default;
            });

        await CatchUpAsync(pipeline);

        seen.Should().Equal(0, 2);
        Committed("orders.dead").Should().Equal("five!");
        CommittedOffset().Should().Be(3);
    }

    [Fact]
    public async Task A_stopped_partition_stays_in_front_of_its_record_while_the_others_catch_up()
    {
        _backend.AddTopic("orders", 2);
        AddOrders("bad", "behind");
        AddOrdersTo(1, "1", "2");
        await using var billing = Configured(builder => builder.WithRetry(2, TimeSpan.Zero).WhenRetriesExhausted(WhenRetriesExhausted.StopPartition))
            .ProcessEach((order, output, ct) =>
                order.Value == "bad" ? throw new FormatException() : output.SendAsync(s_invoices, order.Key, order.Value, ct));

        (await FluentActions.Awaiting(() => CatchUpAsync(billing)).Should().ThrowAsync<HandlerFailedException>()).Which.Offset.Should().Be(0);

        Committed("invoices").Should().Equal("1", "2");
        billing.StoppedPartitions.Should().Equal(new TopicPartition("orders", 0));
        CommittedOffsets().Should().NotContainKey(new TopicPartition("orders", 0));
        _backend.Log.Of(3103).Should().ContainSingle();
    }

    [Fact]
    public async Task A_run_ends_when_all_its_partitions_have_stopped()
    {
        AddOrders("bad");
        await using var billing = Configured(builder => builder.WithRetry(1).WhenRetriesExhausted(WhenRetriesExhausted.StopPartition))
            .ProcessEach((_, _, _) => throw new FormatException());

        await FluentActions.Awaiting(() => billing.RunAsync().WaitAsync(s_soon)).Should().ThrowAsync<HandlerFailedException>();
    }

    [Fact]
    public async Task A_fenced_worker_makes_new_clients_and_goes_on_at_what_is_committed()
    {
        AddOrders("1", "2", "3");
        var fenced = false;
        await using var billing = Configured(builder => builder.WithBatch(1))
            .ProcessEach(async (order, output, ct) =>
            {
                await output.SendAsync(s_invoices, order.Key, order.Value, ct);
                if (order.Value == "2" && !fenced)
                {
                    fenced = true;
                    _backend.Fence("billing-0");
                }
            });

        await CatchUpAsync(billing, TimeSpan.FromMilliseconds(100));

        Committed("invoices").Should().Equal("1", "2", "3");
        _backend.Log.Of(3105).Should().ContainSingle();
    }

    [Fact]
    public async Task A_worker_that_lost_its_partition_commits_nothing_and_goes_on()
    {
        AddOrders("1");
        var taken = false;
        await using var billing = Configured(builder => builder)
            .ProcessEach(async (order, output, ct) =>
            {
                await output.SendAsync(s_invoices, order.Key, order.Value, ct);
                if (!taken)
                    _backend.Group("billing").Owners.Remove(new TopicPartition("orders", 0));
                taken = true;
            });

        await CatchUpAsync(billing, TimeSpan.FromMilliseconds(100));

        Committed("invoices").Should().Equal("1");
    }

    [Fact]
    public async Task Clients_that_are_lost_again_and_again_stop_the_pipeline()
    {
        AddOrders("1");
        _backend.OnEndTransaction = (_, commit) => commit ? new ProducerFencedException("somebody else is faster") : null;
        await using var billing = Configured(builder => builder.WithRetry(2, TimeSpan.Zero))
            .ProcessEach((order, output, ct) => output.SendAsync(s_invoices, order.Key, order.Value, ct));

        await FluentActions.Awaiting(() => billing.RunAsync().WaitAsync(s_soon)).Should().ThrowAsync<ProducerFencedException>();

        _backend.Inits.Should().BeInRange(5, 8);
    }

    [Fact]
    public async Task Workers_share_the_partitions_and_each_record_is_processed_once()
    {
        _backend.AddTopic("orders", 6);
        for (var partition = 0; partition < 6; partition++)
            AddOrdersTo(partition, [.. Enumerable.Range(0, 50).Select(i => $"{partition}-{i}")]);
        var workers = new ConcurrentDictionary<string, bool>();
        await using var billing = Configured(builder => builder.WithWorkers(3).WithBatch(7))
            .Process(async (orders, output, ct) =>
            {
                workers.TryAdd(output.TransactionalId, true);
                foreach (var order in orders)
                    await output.SendAsync(s_invoices, order.Key, order.Value, ct);
                await Task.Yield();
            });

        await CatchUpAsync(billing, TimeSpan.FromMilliseconds(100));

        var invoices = Committed("invoices");
        invoices.Should().HaveCount(300).And.OnlyHaveUniqueItems();
        for (var partition = 0; partition < 6; partition++)
            invoices.Where(invoice => invoice.StartsWith($"{partition}-", StringComparison.Ordinal)).Should().Equal(
                Enumerable.Range(0, 50).Select(i => $"{partition}-{i}"), "order is kept within a partition");
        workers.Keys.Should().BeSubsetOf(["billing-0", "billing-1", "billing-2"]);
        billing.StoppedPartitions.Should().BeEmpty();
    }

    [Fact]
    public async Task Catching_up_means_nothing_deliverable_is_left_even_when_markers_and_aborted_records_follow()
    {
        AddOrders("1");
        var orders = _backend.Partition("orders");
        await using var producer = await _broker.CreateTransactionalProducerAsync("writer");
        await using (var aborted = await producer.BeginTransactionAsync())
            await aborted.SendAsync(s_orders, "k", "aborted");
        await using (var committed = await producer.BeginTransactionAsync())
        {
            await committed.SendAsync(s_orders, "k", "2");
            await committed.CommitAsync();
        }
        await using var billing = Billing();

        await CatchUpAsync(billing);

        Committed("invoices").Should().Equal("1", "2");
        orders.CountDeliverable(CommittedOffset(), IsolationLevel.ReadCommitted).Should().Be(0);
    }

    [Fact]
    public async Task Catching_up_includes_what_the_pipeline_writes_into_its_own_topic()
    {
        AddOrders("4");
        await using var countdown = _broker.CreatePipeline("billing").Read(s_orders).ProcessEach((order, output, ct) =>
            order.Value == "0"
                ? default
                : output.SendAsync(s_orders, order.Key, $"{int.Parse(order.Value, CultureInfo.InvariantCulture) - 1}", ct));

        await CatchUpAsync(countdown);

        Committed("orders").Should().Equal("4", "3", "2", "1", "0");
    }

    [Fact]
    public async Task Catching_up_on_an_empty_topic_returns_at_once()
    {
        await using var billing = Configured(builder => builder.WithWorkers(2).StartFrom(StartFrom.Latest))
            .ProcessEach((order, output, ct) => output.SendAsync(s_invoices, order.Key, order.Value, ct));

        await CatchUpAsync(billing);

        Committed("invoices").Should().BeEmpty();
    }

    [Fact]
    public async Task Starting_at_the_latest_sticks_so_that_nothing_is_passed_over_between_two_runs()
    {
        AddOrders("before the first run");
        await using (var first = Configured(builder => builder.StartFrom(StartFrom.Latest))
            .ProcessEach((order, output, ct) => output.SendAsync(s_invoices, order.Key, order.Value, ct)))
            await CatchUpAsync(first);
        AddOrders("between the runs");
        await using var second = Configured(builder => builder.StartFrom(StartFrom.Latest))
            .ProcessEach((order, output, ct) => output.SendAsync(s_invoices, order.Key, order.Value, ct));

        await CatchUpAsync(second);

        Committed("invoices").Should().Equal("between the runs");
    }

    [Fact]
    public async Task Cancelling_aborts_the_batch_at_hand_and_returns_normally()
    {
        AddOrders("1");
        using var ending = new CancellationTokenSource();
        var entered = new TaskCompletionSource();
        await using var billing = Configured(builder => builder).ProcessEach(async (order, output, ct) =>
        {
            await output.SendAsync(s_invoices, order.Key, order.Value, ct);
            entered.TrySetResult();
            await Task.Delay(Timeout.Infinite, ct);
        });
        var running = billing.RunAsync(ending.Token);
        await entered.Task.WaitAsync(s_soon);

        await ending.CancelAsync();
        await running.WaitAsync(s_soon);

        Committed("invoices").Should().BeEmpty();
        CommittedOffsets().Should().BeEmpty();
        _backend.Group("billing").Members.Should().BeEmpty();
    }

    [Fact]
    public async Task A_cancelled_catch_up_says_that_it_did_not_catch_up()
    {
        AddOrders("1");
        using var ending = new CancellationTokenSource();
        await using var billing = Configured(builder => builder).ProcessEach(async (_, _, ct) =>
        {
            await ending.CancelAsync();
            ct.ThrowIfCancellationRequested();
        });

        await FluentActions.Awaiting(() => billing.RunUntilCaughtUpAsync(ending.Token).WaitAsync(s_soon)).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task A_handlers_own_timeout_is_a_failure_and_not_a_cancellation()
    {
        AddOrders("1");
        var attempts = 0;
        await using var billing = Configured(builder => builder.WithRetry(2, TimeSpan.Zero)).ProcessEach((order, output, ct) =>
            ++attempts == 1 ? throw new TaskCanceledException("the web was slow") : output.SendAsync(s_invoices, order.Key, order.Value, ct));

        await CatchUpAsync(billing);

        attempts.Should().Be(2);
        Committed("invoices").Should().Equal("1");
    }

    [Fact]
    public async Task Disposing_ends_a_run_and_a_disposed_pipeline_does_not_run_again()
    {
        var billing = Billing();
        var running = billing.RunAsync();
        await FluentActions.Awaiting(() => billing.RunAsync()).Should().ThrowAsync<InvalidOperationException>().WithMessage("*running already*");

        await billing.DisposeAsync();

        await running.WaitAsync(s_soon);
        await FluentActions.Awaiting(() => billing.RunAsync()).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Disposing_the_broker_ends_a_forgotten_run_normally()
    {
        AddOrders("1");
        var billing = Billing();
        var running = billing.RunAsync();
        await EventuallyAsync(() => Committed("invoices").Count == 1);

        await _broker.DisposeAsync().AsTask().WaitAsync(s_soon);

        await running.WaitAsync(s_soon);
        _backend.Log.Of(3104).Should().BeEmpty();
    }

    [Fact]
    public async Task Processing_is_measured_and_its_span_links_to_the_spans_that_sent_the_records()
    {
        const string traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        _backend.Partition("orders").Add(
            Records.Batch(Records.FirstTimestampMs, [new("traceparent", traceParent)], null, ("k", "1")), BatchFate.Plain, writer: null);
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "ExactlyOnce",
            // Only what this test is about: a listener is heard by every test that runs beside it.
            Sample = (ref ActivityCreationOptions<ActivityContext> span) =>
                span.Kind == ActivityKind.Consumer ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var meters = new MeterListener { InstrumentPublished = (instrument, it) => { if (instrument.Meter.Name == "ExactlyOnce") it.EnableMeasurementEvents(instrument); } };
        var measured = new ConcurrentQueue<(string Name, string? Group)>();
        meters.SetMeasurementEventCallback<long>((instrument, _, tags, _) => measured.Enqueue((instrument.Name, GroupOf(tags))));
        meters.SetMeasurementEventCallback<double>((instrument, _, tags, _) => measured.Enqueue((instrument.Name, GroupOf(tags))));
        meters.Start();
        await using var traced = _broker.CreatePipeline("traced").Read(s_orders).ProcessEach((_, _, _) => default);

        await CatchUpAsync(traced);

        var span = spans.Should().ContainSingle(span => (string?)span.GetTagItem("messaging.consumer.group.name") == "traced").Which;
        span.DisplayName.Should().Be("process orders");
        span.Kind.Should().Be(ActivityKind.Consumer);
        span.Links.Should().ContainSingle().Which.Context.TraceId.ToString().Should().Be("0af7651916cd43dd8448eb211c80319c");
        measured.Should().Contain(("messaging.client.consumed.messages", "traced")).And.Contain(("messaging.process.duration", "traced"));

        static string? GroupOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var tag in tags)
                if (tag.Key == "messaging.consumer.group.name")
                    return (string?)tag.Value;
            return null;
        }
    }

    [Fact]
    public async Task A_small_batch_may_wait_for_more_but_not_longer_than_allowed()
    {
        AddOrders("1");
        await using var billing = Configured(builder => builder.WithBatch(3, maxWait: TimeSpan.FromSeconds(5)))
            .ProcessEach((order, output, ct) => output.SendAsync(s_invoices, order.Key, order.Value, ct));
        using var ending = new CancellationTokenSource();
        var running = billing.RunAsync(ending.Token);
        await EventuallyAsync(() => _backend.Group("billing").Owners.Count == 1);
        await Task.Delay(50);
        Committed("invoices").Should().BeEmpty();
        AddOrders("2");

        _backend.Clock.Advance(TimeSpan.FromSeconds(5));

        await EventuallyAsync(() => Committed("invoices").Count == 2);
        _backend.Commits.Should().Be(1, "both are one batch");
        await ending.CancelAsync();
        await running.WaitAsync(s_soon);
    }

    [Fact]
    public async Task A_sink_keeps_effects_and_offsets_together()
    {
        AddOrders("1", "2", "3");
        var sink = new MemorySink { FailuresLeft = 1 };
        await using (var pipeline = Configured(builder => builder.WithBatch(2).WithRetry(3, TimeSpan.Zero)).IntoSink(sink))
            await CatchUpAsync(pipeline);
        sink.NextOffsets[new TopicPartition("orders", 0)] = 1;
        await using var again = Configured(builder => builder.WithBatch(2)).IntoSink(sink);

        await CatchUpAsync(again);

        sink.Values.Should().Equal(["1", "2", "3", "2", "3"], "the sink's offset decides, and nothing else");
        sink.NextOffsets[new TopicPartition("orders", 0)].Should().Be(3);
        CommittedOffsets().Should().BeEmpty();
    }

    [Fact]
    public async Task Mapping_writes_one_record_for_each()
    {
        AddOrders("1", "2");
        await using var pipeline = Configured(builder => builder).To(s_invoices, order => ($"to {order.Key}", $"mapped {order.Value}"));

        await CatchUpAsync(pipeline);

        Committed("invoices").Should().Equal("mapped 1", "mapped 2");
    }

    [Fact]
    public void Wrong_options_are_refused_when_the_pipeline_is_made()
    {
        FluentActions.Invoking(() => _broker.CreatePipeline(" ")).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => _broker.CreatePipeline(new string('p', 201))).Should().Throw<ArgumentException>();
        Make(builder => builder.WithWorkers(0)).Should().Throw<ArgumentException>();
        Make(builder => builder.WithBatch(0)).Should().Throw<ArgumentException>();
        Make(builder => builder.WithRetry(0)).Should().Throw<ArgumentException>();
        Make(builder => builder.WithRetry(1, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1))).Should().Throw<ArgumentException>();
        Make(builder => builder.WhenRetriesExhausted(WhenRetriesExhausted.DeadLetter)).Should().Throw<ArgumentException>().WithMessage("*DeadLetterTo*");
        FluentActions.Invoking(() => _broker.CreatePipeline("p").Read(s_orders).Process(null!)).Should().Throw<ArgumentNullException>();

        Action Make(Func<PipelineBuilder<string, string>, PipelineBuilder<string, string>> configure) =>
            () => Configured(configure).ProcessEach((_, _, _) => default);
    }

    private Pipeline Billing() => Configured(builder => builder)
        .ProcessEach((order, output, ct) => output.SendAsync(s_invoices, order.Key, order.Value, ct));

    private PipelineBuilder<string, string> Configured(Func<PipelineBuilder<string, string>, PipelineBuilder<string, string>> configure) =>
        configure(_broker.CreatePipeline("billing").Read(s_orders));

    private void AddOrders(params string[] values) => AddOrdersTo(0, values);

    private void AddOrdersTo(int partition, params string[] values) => _backend.Partition("orders", partition).Add(
        Records.Batch([.. values.Select((value, index) => ((string?)$"k{index}", (string?)value))]), BatchFate.Plain, writer: null);

    // Virtual time moves only while the run is waited for, so that back-off needs no patience.
    private async Task CatchUpAsync(Pipeline pipeline, TimeSpan step = default)
    {
        using var patience = new CancellationTokenSource(s_soon);
        var running = pipeline.RunUntilCaughtUpAsync(patience.Token);
        while (step > TimeSpan.Zero && !running.IsCompleted)
        {
            await Task.Delay(1);
            _backend.Clock.Advance(step);
        }
        await running;
    }

    private List<string> Committed(string topic)
    {
        lock (_backend.Gate)
        {
            var values = new List<string>();
            foreach (var id in _backend.PartitionsOf(topic))
                foreach (var entry in _backend.Partition(topic, id.Partition).Entries.Where(entry => entry.IsDeliverable(IsolationLevel.ReadCommitted)))
                    foreach (var record in global::ExactlyOnce.Kernel.Records.BatchReader.Open(entry.Batch))
                        values.Add(System.Text.Encoding.UTF8.GetString(record.Value));
            return values;
        }
    }

    private Dictionary<TopicPartition, CommittedOffset> CommittedOffsets() => _backend.Group("billing").Committed;

    private long CommittedOffset() => CommittedOffsets()[new TopicPartition("orders", 0)].Offset;

    private async Task<List<ConsumerRecord<string, string>>> ReadAsync(Topic<string, string> topic, int count)
    {
        var records = new List<ConsumerRecord<string, string>>();
        await using var consumer = _broker.CreateConsumer(topic).Build();
        using var patience = new CancellationTokenSource(s_soon);
        await foreach (var record in consumer.ReadAllAsync(patience.Token))
        {
            records.Add(record);
            if (records.Count == count)
                break;
        }
        return records;
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(s_soon);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }

    private sealed class MemorySink : ITransactionalSink<string, string>
    {
        public List<string> Values { get; } = [];

        public Dictionary<TopicPartition, long> NextOffsets { get; } = [];

        public int FailuresLeft { get; set; }

        public ValueTask<long?> LoadNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken) =>
            new(NextOffsets.TryGetValue(partition, out var offset) ? offset : null);

        public ValueTask WriteAsync(ConsumerBatch<string, string> batch, CancellationToken cancellationToken)
        {
            if (FailuresLeft-- > 0)
                throw new IOException("disk full");
            if (batch.Values.Contains("poison"))
                throw new FormatException("poison");
            Values.AddRange(batch.Values.ToArray());
            NextOffsets[batch.TopicPartition] = batch.NextOffset;
            return default;
        }
    }
}
