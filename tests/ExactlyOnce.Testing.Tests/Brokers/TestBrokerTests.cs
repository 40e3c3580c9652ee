namespace ExactlyOnce.Testing.Tests.Brokers;

public sealed class TestBrokerTests
{
    [Fact]
    public async Task What_a_pipeline_makes_of_records_is_there_when_the_broker_is_idle()
    {
        await using var test = TestBroker.Create();

        await test.Broker.PublishAsync(Shop.Orders, "customer-7", 12);
        await using var billing = Shop.CreateBilling(test.Broker);
        _ = billing.RunAsync();
        await test.RunUntilIdleAsync();

        var invoice = test.Committed(Shop.Invoices).Should().ContainSingle().Which;
        invoice.Key.Should().Be("customer-7");
        invoice.Value.Should().Be(120);
    }

    [Fact]
    public async Task Only_what_is_committed_counts()
    {
        await using var test = TestBroker.Create();
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("checkout");

        await using (var aborted = await producer.BeginTransactionAsync())
            await aborted.SendAsync(Shop.Orders, "a", 1);
        await using var open = await producer.BeginTransactionAsync();
        await open.SendAsync(Shop.Orders, "a", 2);
        test.Committed(Shop.Orders).Should().BeEmpty();
        await open.CommitAsync();

        test.Committed(Shop.Orders).Select(order => order.Value).Should().Equal(2);
        test.Committed(Shop.Invoices).Should().BeEmpty("nobody has made the topic");
    }

    [Fact]
    public async Task Time_stands_still_until_the_test_moves_it()
    {
        await using var test = TestBroker.Create(options => options.StartTime = new DateTimeOffset(2030, 5, 6, 7, 8, 9, TimeSpan.Zero));
        await test.Broker.PublishAsync(Shop.Orders, "a", 1);
        await test.AdvanceAsync(TimeSpan.FromDays(3));
        await test.Broker.PublishAsync(Shop.Orders, "a", 2);

        test.Committed(Shop.Orders).Select(order => order.Timestamp.Day).Should().Equal(6, 9);
        test.Time.GetUtcNow().Should().Be(new DateTimeOffset(2030, 5, 9, 7, 8, 9, TimeSpan.Zero));
    }

    [Fact]
    public async Task Retention_and_timeouts_happen_when_the_clock_is_moved()
    {
        await using var test = TestBroker.Create();
        await test.Broker.Admin.CreateTopicAsync("orders", topic => { topic.RetainFor = TimeSpan.FromHours(1); topic.SegmentAge = TimeSpan.FromMinutes(1); });
        await test.Broker.PublishAsync(Shop.Orders, "a", 1);
        await using var producer = await test.Broker.CreateTransactionalProducerAsync("slow");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Shop.Invoices, "a", 1);
        await test.AdvanceAsync(TimeSpan.FromMinutes(2));
        await test.Broker.PublishAsync(Shop.Orders, "a", 2);
        await test.AdvanceAsync(TimeSpan.FromMinutes(61));

        test.Committed(Shop.Orders).Select(order => order.Value).Should().NotContain(1);
        await FluentActions.Awaiting(() => transaction.CommitAsync().AsTask()).Should().ThrowAsync<Exception>();
        test.Committed(Shop.Invoices).Should().BeEmpty();
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_history()
    {
        var first = await BillAsync(seed: 7);
        var second = await BillAsync(seed: 7);

        second.Should().Equal(first);
        first.Should().NotBeEmpty();

        static async Task<List<string>> BillAsync(int seed)
        {
            await using var test = TestBroker.Create(options => options.Seed = seed);
            test.Faults.At(FaultPoint.AfterHandler).Skip(1).CrashOnce();
            test.Faults.At(FaultPoint.AfterCommit).Skip(1).LoseAcknowledgementOnce();
            test.Run(Shop.CreateBilling);
            await Shop.OrderAsync(test, 40);
            await test.RunUntilIdleAsync();
            return [.. test.History.Select(happened => happened.ToString()), .. test.Broker.Admin.ListTopics().Select(topic => topic.Id.ToString())];
        }
    }

    [Fact]
    public async Task A_test_may_await_a_reader_itself_without_driving_the_broker()
    {
        await using var test = TestBroker.Create();
        await using var consumer = test.Broker.CreateConsumer(Shop.Orders).StartFrom(StartFrom.Earliest).Build();
        var reading = ReadOneAsync();
        await test.Broker.PublishAsync(Shop.Orders, "a", 1);

        (await reading.WaitAsync(TimeSpan.FromSeconds(30))).Should().Be(1);

        async Task<long> ReadOneAsync()
        {
            await foreach (var order in consumer.ReadAllAsync())
                return order.Value;
            throw new InvalidOperationException("The consumer ended.");
        }
    }

    [Fact]
    public async Task A_pipeline_can_be_run_until_it_has_caught_up_and_a_subscription_disposed_of()
    {
        await using var test = TestBroker.Create();
        var seen = new List<long>();
        await using (test.Broker.Subscribe(Shop.Orders, order => seen.Add(order.Value)))
            await Shop.OrderAsync(test, 3);
        await using var billing = Shop.CreateBilling(test.Broker);
        await billing.RunUntilCaughtUpAsync();

        seen.Should().Equal(1, 2, 3);
        Shop.ShouldBeBilledOnce(test, 3);
    }

    [Fact]
    public async Task A_broker_with_files_or_another_clock_is_refused()
    {
        await Task.Yield();
        FluentActions.Invoking(() => TestBroker.Create(options => options.ConfigureBroker = broker => broker.Directory = "data"))
            .Should().Throw<InvalidRequestException>().WithMessage("*leave BrokerOptions.Directory and TimeProvider out*");
        FluentActions.Invoking(() => TestBroker.Create(options => options.ConfigureBroker = broker => broker.TimeProvider = TimeProvider.System))
            .Should().Throw<InvalidRequestException>();
    }

    [Fact]
    public async Task The_brokers_own_options_can_be_set()
    {
        await using var test = TestBroker.Create(options => options.ConfigureBroker = broker => broker.AutoCreateTopics = false);

        await FluentActions.Awaiting(() => test.Broker.PublishAsync(Shop.Orders, "a", 1).AsTask()).Should().ThrowAsync<UnknownTopicException>();
    }

    [Fact]
    public async Task A_handler_that_never_returns_does_not_hold_the_end_of_the_test()
    {
        var never = new TaskCompletionSource();
        var test = TestBroker.Create(options => options.Patience = TimeSpan.FromMilliseconds(50));
        test.Run(broker => broker.CreatePipeline("hanging").Read(Shop.Orders).ProcessEach(async (_, _, _) => await never.Task));
        await Shop.OrderAsync(test, 1);
        await FluentActions.Awaiting(() => test.RunUntilIdleAsync()).Should().ThrowAsync<TimeoutException>();

        await test.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

        never.SetResult();
    }

    [Fact]
    public async Task A_test_broker_that_is_disposed_of_says_so_and_may_be_disposed_of_again()
    {
        var test = TestBroker.Create();
        test.Run(Shop.CreateBilling);
        await test.DisposeAsync();
        await test.DisposeAsync();

        await FluentActions.Awaiting(() => test.RunUntilIdleAsync()).Should().ThrowAsync<ObjectDisposedException>();
        FluentActions.Invoking(() => test.Run(Shop.CreateBilling)).Should().Throw<ObjectDisposedException>();
    }
}
