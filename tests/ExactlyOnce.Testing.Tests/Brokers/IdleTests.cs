namespace ExactlyOnce.Testing.Tests.Brokers;

public sealed class IdleTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Idle_waits_for_a_handler_that_waits_for_something_outside()
    {
        await using var test = TestBroker.Create();
        var outside = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        test.Run(broker => broker.CreatePipeline("slow").Read(Shop.Orders).ProcessEach(async (order, output, cancellationToken) =>
        {
            await outside.Task;
            await output.SendAsync(Shop.Invoices, order.Key, order.Value, cancellationToken);
        }));
        await Shop.OrderAsync(test, 3);
        var idle = test.RunUntilIdleAsync();

        idle.IsCompleted.Should().BeFalse();
        test.Committed(Shop.Invoices).Should().BeEmpty();
        outside.SetResult();
        await idle.WaitAsync(s_patience);
        test.Committed(Shop.Invoices).Should().HaveCount(3);
    }

    [Fact]
    public async Task What_follows_a_handler_that_waited_for_something_outside_belongs_to_it()
    {
        for (var round = 0; round < 500; round++)
        {
            await using var test = TestBroker.Create();
            test.Run(broker => broker.CreatePipeline("slow").Read(Shop.Orders).WithBatch(maxRecords: 1).ProcessEach(async (order, output, cancellationToken) =>
            {
                await output.SendAsync(Shop.Invoices, order.Key, order.Value, cancellationToken);
                await Task.Yield();
            }));
            await Shop.OrderAsync(test, 3);
            await test.RunUntilIdleAsync().WaitAsync(s_patience);

            test.Committed(Shop.Invoices).Should().HaveCount(3, "in round {0} as in any other", round);
        }
    }

    [Fact]
    public async Task Idle_lets_the_clock_run_through_the_back_off_of_retries()
    {
        await using var test = TestBroker.Create();
        var attempts = 0;
        var begin = test.Time.GetUtcNow();
        test.Run(broker => broker.CreatePipeline("stubborn").Read(Shop.Orders).WithRetry(10, initialDelay: TimeSpan.FromMinutes(1), maxDelay: TimeSpan.FromHours(1))
            .ProcessEach((order, output, cancellationToken) =>
                ++attempts < 6 ? throw new InvalidOperationException("not yet") : output.SendAsync(Shop.Invoices, order.Key, order.Value, cancellationToken)));
        await Shop.OrderAsync(test, 1);
        await test.RunUntilIdleAsync().WaitAsync(s_patience);

        attempts.Should().Be(6);
        (test.Time.GetUtcNow() - begin).Should().BeGreaterThan(TimeSpan.FromMinutes(10));
        test.Committed(Shop.Invoices).Should().ContainSingle();
    }

    [Fact]
    public async Task Nothing_but_retries_moves_the_clock()
    {
        await using var test = TestBroker.Create();
        var begin = test.Time.GetUtcNow();
        test.Run(Shop.CreateBilling);
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("open");
        await using var open = await producer.BeginTransactionAsync();
        await open.SendAsync(Shop.Orders, "a", 1);
        await test.RunUntilIdleAsync().WaitAsync(s_patience);

        (test.Time.GetUtcNow() - begin).Should().BeLessThan(TimeSpan.FromSeconds(1), "an open transaction is not waited for");
        test.Committed(Shop.Invoices).Should().BeEmpty();
        await open.CommitAsync();
        await test.RunUntilIdleAsync().WaitAsync(s_patience);
        test.Committed(Shop.Invoices).Should().ContainSingle();
    }

    [Fact]
    public async Task A_partition_that_a_pipeline_has_stopped_at_is_not_waited_for()
    {
        await using var test = TestBroker.Create();
        await test.Broker.Admin.CreateTopicAsync("orders", topic => topic.Partitions = 2);
        test.Run(broker => broker.CreatePipeline("stopping").Read(Shop.Orders).WithRetry(2).WhenRetriesExhausted(WhenRetriesExhausted.StopPartition)
            .ProcessEach((order, output, cancellationToken) =>
                order.Partition == 0 ? throw new InvalidOperationException("poison") : output.SendAsync(Shop.Invoices, order.Key, order.Value, cancellationToken)));
        foreach (var partition in new[] { 0, 1 })
            await test.Broker.PublishAsync(Shop.Orders, new ProducerRecord<string, long>("a", partition) { Partition = partition });
        await test.RunUntilIdleAsync().WaitAsync(s_patience);

        test.Committed(Shop.Invoices).Select(invoice => invoice.Value).Should().Equal(1);
    }

    [Fact]
    public async Task A_loop_over_a_consumer_counts_until_it_comes_back_for_more()
    {
        await using var test = TestBroker.Create();
        var outside = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = new List<long>();
        test.Run(async (broker, cancellationToken) =>
        {
            await using var consumer = broker.CreateConsumer(Shop.Orders).InGroup("mailer").StartFrom(StartFrom.Earliest).Build();
            await foreach (var order in consumer.ReadAllAsync(cancellationToken))
            {
                await outside.Task;
                seen.Add(order.Value);
                await consumer.CommitAsync(cancellationToken);
            }
        });
        await Shop.OrderAsync(test, 4);
        var idle = test.RunUntilIdleAsync();

        idle.IsCompleted.Should().BeFalse();
        outside.SetResult();
        await idle.WaitAsync(s_patience);
        seen.Should().Equal(1, 2, 3, 4);
        (await test.Broker.Admin.GetGroupOffsetsAsync("mailer", "orders")).Values.Sum(offset => offset.Offset).Should().Be(4);
    }

    [Fact]
    public async Task A_consumer_of_the_test_itself_is_not_waited_for()
    {
        await using var test = TestBroker.Create();
        await Shop.OrderAsync(test, 4);
        await using var consumer = test.Broker.CreateConsumer(Shop.Orders).StartFrom(StartFrom.Earliest).Build();
        await foreach (var order in consumer.ReadAllAsync())
            if (order.Value == 2)
                break;

        await test.RunUntilIdleAsync().WaitAsync(s_patience);
    }

    [Fact]
    public async Task A_handler_that_never_comes_back_is_named()
    {
        await using var test = TestBroker.Create(options => options.Patience = TimeSpan.FromMilliseconds(50));
        var never = new TaskCompletionSource();
        test.Run(broker => broker.CreatePipeline("hanging").Read(Shop.Orders).ProcessEach(async (_, _, _) => await never.Task));
        await Shop.OrderAsync(test, 1);

        await FluentActions.Awaiting(() => test.RunUntilIdleAsync()).Should().ThrowAsync<TimeoutException>().WithMessage("*'hanging-0' on orders-0*AdvanceAsync*");
        never.SetResult();
    }

    [Fact]
    public async Task A_handler_that_waits_for_the_tests_clock_is_moved_by_advancing_it()
    {
        await using var test = TestBroker.Create();
        test.Run(broker => broker.CreatePipeline("sleeping").Read(Shop.Orders).ProcessEach(async (order, output, cancellationToken) =>
        {
            await Task.Delay(TimeSpan.FromHours(1), test.Time, cancellationToken);
            await output.SendAsync(Shop.Invoices, order.Key, order.Value, cancellationToken);
        }));
        await Shop.OrderAsync(test, 1);
        var idle = test.RunUntilIdleAsync();
        idle.IsCompleted.Should().BeFalse();

        await Task.WhenAll(idle, AdvanceAsync()).WaitAsync(s_patience);
        test.Committed(Shop.Invoices).Should().ContainSingle();

        async Task AdvanceAsync()
        {
            // The drive that waits for the handler goes on when the clock has rung.
            await Task.Yield();
            await test.AdvanceAsync(TimeSpan.FromHours(2));
        }
    }

    [Fact]
    public async Task A_failing_application_fails_the_test_and_not_silently()
    {
        await using var test = TestBroker.Create();
        test.Run(broker => broker.CreatePipeline("failing").Read(Shop.Orders).WithRetry(1).ProcessEach((_, _, _) => throw new InvalidOperationException("a bug")));
        await Shop.OrderAsync(test, 1);

        (await FluentActions.Awaiting(() => test.RunUntilIdleAsync()).Should().ThrowAsync<HandlerFailedException>()).WithInnerException<InvalidOperationException>();
    }

    [Fact]
    public async Task A_loop_that_fails_on_another_thread_fails_the_test_all_the_same()
    {
        for (var round = 0; round < 500; round++)
        {
            await using var test = TestBroker.Create();
            test.Run(async (broker, cancellationToken) =>
            {
                await using var consumer = broker.CreateConsumer(Shop.Orders).InGroup("mailer").StartFrom(StartFrom.Earliest).Build();
                await foreach (var order in consumer.ReadAllAsync(cancellationToken))
                {
                    await Task.Yield();
                    throw new FormatException("a bug");
                }
            });
            await Shop.OrderAsync(test, 1);

            await FluentActions.Awaiting(() => test.RunUntilIdleAsync()).Should().ThrowAsync<FormatException>("in round {0} as in any other", round);
        }
    }

    [Fact]
    public async Task A_handler_cannot_wait_for_idleness()
    {
        await using var test = TestBroker.Create();
        Exception? refused = null;
        test.Run(broker => broker.CreatePipeline("waiting").Read(Shop.Orders).ProcessEach(async (_, _, _) =>
        {
            refused = await Record.ExceptionAsync(() => test.RunUntilIdleAsync());
        }));
        await Shop.OrderAsync(test, 1);
        await test.RunUntilIdleAsync();

        refused.Should().BeOfType<InvalidOperationException>().Which.Message.Should().Contain("wait for itself");
    }

    [Fact]
    public async Task A_wait_for_idleness_can_be_cancelled()
    {
        await using var test = TestBroker.Create();
        var never = new TaskCompletionSource();
        test.Run(broker => broker.CreatePipeline("hanging").Read(Shop.Orders).ProcessEach(async (_, _, _) => await never.Task));
        await Shop.OrderAsync(test, 1);
        using var cancellation = new CancellationTokenSource();
        var idle = test.RunUntilIdleAsync(cancellation.Token);
        cancellation.Cancel();

        await FluentActions.Awaiting(() => idle).Should().ThrowAsync<OperationCanceledException>();
        never.SetResult();
    }
}
