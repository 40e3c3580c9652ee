using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

/// <summary>
/// Calls that are wrong: each has its documented exception, and afterwards the broker is as it was. What can be wrong about an argument by its type alone is in
/// <c>PublicApi</c>.
/// </summary>
public sealed class BadInputTests
{
    private static readonly string s_long = new('n', 250);

    [Fact]
    public async Task Names_that_are_empty_or_too_long_are_refused()
    {
        await using var broker = await OpenAsync();

        foreach (var name in new[] { "", s_long })
        {
            await Refused<ArgumentException>(() => broker.Admin.CreateTopicAsync(name));
            await Refused<ArgumentException>(() => Topic.Create(name, Serdes.Utf8));
            await Refused<ArgumentException>(() => broker.Broker.CreateTransactionalProducerAsync(name));
            await Refused<ArgumentException>(() => broker.Broker.CreateProducer(Orders).WithIdentity(name));
            await Refused<ArgumentException>(() => broker.Broker.CreateConsumer(Orders).InGroup(name).Build());
            await Refused<ArgumentException>(() => broker.Broker.CreateConsumer(Orders).InGroup("g").WithInstanceId(name).Build());
            await Refused<ArgumentException>(() => broker.Broker.CreatePipeline(name));
        }
        await Refused<ArgumentException>(() => broker.Admin.CreateTopicAsync("no/slashes"));
        await Refused<ArgumentException>(() => broker.Admin.CreateTopicAsync(".."));

        await IsUntouchedAsync(broker);
    }

    [Fact]
    public async Task Numbers_out_of_their_range_are_refused()
    {
        await using var broker = await OpenAsync();
        await using var consumer = broker.Broker.CreateConsumer(Orders).Build();
        await using var named = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();

        await Refused<ArgumentOutOfRangeException>(async () => await consumer.SeekAsync(First, -1));
        await Refused<ArgumentOutOfRangeException>(() => broker.Admin.DeleteRecordsAsync(First, -1));
        await Refused<ArgumentOutOfRangeException>(() => broker.Admin.ResetGroupOffsetAsync("g", First, -1));
        await Refused<ArgumentOutOfRangeException>(() => broker.Admin.AddPartitionsAsync("orders", 0));
        await Refused<ArgumentOutOfRangeException>(() => broker.Admin.GetTransactionOutcomeAsync("t", -1, 0));
        await Refused<ArgumentOutOfRangeException>(() => StartFrom.Offset(-1));
        await Refused<ArgumentOutOfRangeException>(() => broker.Broker.CreateProducer(Orders).WithBatchSize(0));
        await Refused<ArgumentOutOfRangeException>(() => broker.Broker.CreateProducer(Orders).WithBufferMemory(-1));
        await Refused<ArgumentOutOfRangeException>(() => broker.Broker.CreateProducer(Orders).WithLinger(TimeSpan.FromSeconds(-1)));
        await Refused<ArgumentOutOfRangeException>(() => broker.Broker.CreateProducer(Orders).WithCompression((CompressionType)99));
        await Refused<ArgumentException>(() => broker.Broker.CreateConsumer(Orders).WithPartitions(-1).Build());
        await Refused<ArgumentException>(() => broker.Broker.CreateConsumer(Orders).WithPartitions().Build());
        await Refused<ArgumentException>(() => broker.Broker.CreateConsumer(Orders).WithBatch(0).Build());
        await Refused<ArgumentException>(() => broker.Broker.CreatePipeline("p").Read(Orders).WithWorkers(0).Process((_, _, _) => default));
        await Refused<InvalidRequestException>(() => broker.Admin.CreateTopicAsync("t", options => options.Partitions = 0));
        await Refused<InvalidRequestException>(() => broker.Admin.CreateTopicAsync("t", options => options.SegmentBytes = -5));
        await Refused<InvalidRequestException>(() => broker.TransactionalAsync(timeout: TimeSpan.FromMinutes(16)));
        await Refused<InvalidRequestException>(() => broker.TransactionalAsync(timeout: TimeSpan.Zero - TimeSpan.FromTicks(1)));
        await Refused<ArgumentOutOfRangeException>(async () => await named.SendAsync("k", "v", sourceSequence: -1));
        await Refused<ArgumentException>(async () => await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "v") { Partition = -1 }));

        await IsUntouchedAsync(broker);
    }

    [Fact]
    public async Task What_does_not_exist_is_refused()
    {
        await using var broker = await OpenAsync(configure: options => options.AutoCreateTopics = false);
        var unknown = Topic.Create("unknown", Serdes.Utf8, Serdes.Utf8);
        await using var producer = await broker.TransactionalAsync();
        await using var consumer = broker.Broker.CreateConsumer(unknown).Build();

        await Refused<UnknownTopicException>(async () => await broker.Broker.PublishAsync(unknown, "k", "v"));
        await Refused<UnknownTopicException>(async () => await consumer.GetLagAsync());
        await Refused<UnknownTopicException>(() => broker.Admin.DeleteTopicAsync("unknown"));
        await Refused<UnknownTopicException>(() => broker.Admin.AlterTopicAsync("unknown", _ => { }));
        await Refused<UnknownTopicException>(() => broker.Admin.AddPartitionsAsync("unknown", 2));
        await Refused<UnknownTopicException>(() => broker.Admin.DeleteRecordsAsync(new TopicPartition("orders", 1), 0));
        await Refused<UnknownTopicException>(() => broker.Admin.ResetGroupOffsetAsync("g", new TopicPartition("orders", 7), 0));
        await Refused<UnknownTopicException>(() => broker.Admin.GetGroupOffsetsAsync("g", "unknown"));
        await Refused<InvalidRequestException>(() => broker.Admin.DeleteGroupAsync("unknown"));
        await Refused<UnknownTopicException>(async () =>
        {
            await using var none = broker.Broker.CreateConsumer(Orders).WithPartitions(5).Build();
            await none.GetLagAsync();
        });
        await Refused<BrokerException>(async () => await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "v") { Partition = 9 }), orArgument: true);
        await Refused<UnknownTopicException>(async () =>
        {
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(unknown, "k", "v");
        });

        await IsUntouchedAsync(broker);
    }

    [Fact]
    public async Task A_record_that_is_too_large_is_refused_and_the_next_one_is_stored()
    {
        await using var broker = await OpenAsync(topic: options => options.MaxMessageBytes = 1000);
        await using var transactional = await broker.TransactionalAsync();
        var large = new string('x', 1000);

        var refused = await FluentActions.Awaiting(async () => await broker.Broker.PublishAsync(Orders, "k", large)).Should().ThrowAsync<RecordTooLargeException>();
        refused.Which.LimitBytes.Should().Be(1000);
        await using (var transaction = await transactional.BeginTransactionAsync())
        {
            await Refused<RecordTooLargeException>(async () => await transaction.SendAsync(Orders, "k", large));
            await transaction.SendAsync(Invoices, "k", "rolled back");
        }

        await IsUntouchedAsync(broker);
    }

    [Fact]
    public async Task Calls_in_the_wrong_state_are_refused()
    {
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        var transaction = await producer.BeginTransactionAsync();
        await using var consumer = broker.Broker.CreateConsumer(Orders).Build();
        await using var plain = broker.Broker.CreateProducer(Orders).Build();

        await Refused<InvalidOperationException>(async () => await producer.BeginTransactionAsync());
        await transaction.AbortAsync();
        await transaction.AbortAsync();
        await Refused<InvalidOperationException>(async () => await transaction.CommitAsync());
        await Refused<InvalidOperationException>(async () => await transaction.PrepareAsync());
        await Refused<InvalidOperationException>(async () => await transaction.SendAsync(Orders, "k", "v"));
        await Refused<InvalidOperationException>(async () => await consumer.CommitAsync());
        await Refused<InvalidOperationException>(async () => await consumer.CommittedAsync(First));
        await Refused<InvalidOperationException>(() => consumer.Position(First));
        await Refused<InvalidOperationException>(() => consumer.Pause(First));
        await Refused<InvalidOperationException>(async () => await consumer.SeekAsync(Second, 0));
        await Refused<InvalidOperationException>(async () => await plain.GetLastSourceSequenceAsync());
        await Refused<InvalidOperationException>(async () => await plain.SendAsync("k", "v", sourceSequence: 1));
        await Refused<ArgumentException>(() => broker.Broker.CreateConsumer(Orders).WithInstanceId("i").Build());

        await IsUntouchedAsync(broker);
    }

    [Fact]
    public async Task A_committed_transaction_takes_nothing_more()
    {
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", "v");
        await transaction.CommitAsync();

        await Refused<InvalidOperationException>(async () => await transaction.SendAsync(Orders, "k", "late"));
        await Refused<InvalidOperationException>(async () => await transaction.AbortAsync());
        await Refused<InvalidOperationException>(async () => await transaction.CommitAsync());

        (await broker.ReadAsync()).Should().Equal("v");
    }

    [Fact]
    public async Task Disposed_clients_and_a_closed_broker_refuse_everything_and_close_again_without_complaint()
    {
        await using var test = await OpenAsync();
        var broker = test.Broker;
        var producer = broker.CreateProducer(Orders).Build();
        var transactional = await test.TransactionalAsync();
        var consumer = broker.CreateConsumer(Orders).Build();
        var forgotten = broker.CreateProducer(Orders).Build();
        await producer.DisposeAsync();
        await transactional.DisposeAsync();
        await consumer.DisposeAsync();

        await Refused<ObjectDisposedException>(async () => await producer.SendAsync("k", "v"));
        await Refused<ObjectDisposedException>(async () => await transactional.BeginTransactionAsync());
        await Refused<ObjectDisposedException>(async () => await consumer.GetLagAsync());
        await IsUntouchedAsync(test);
        await broker.DisposeAsync();
        await Refused<ObjectDisposedException>(() => broker.CreateProducer(Orders));
        await Refused<ObjectDisposedException>(() => broker.CreateConsumer(Orders));
        await Refused<ObjectDisposedException>(() => broker.CreatePipeline("p"));
        await Refused<ObjectDisposedException>(async () => await broker.PublishAsync(Orders, "k", "v"));
        await Refused<ObjectDisposedException>(() => broker.CreateTransactionalProducerAsync("t"));
        await Refused<ObjectDisposedException>(async () => await forgotten.SendAsync("k", "v"));
        await Refused<BrokerClosedException>(() => broker.Admin.CreateTopicAsync("late"));
        await Refused<BrokerClosedException>(() => broker.Admin.DeleteRecordsAsync(First, 0));
        await Refused<BrokerClosedException>(() => broker.Admin.DeleteGroupAsync("g"));
        await Refused<BrokerClosedException>(() => broker.Admin.ListPreparedTransactionsAsync());

        foreach (var client in new IAsyncDisposable[] { producer, transactional, consumer, forgotten, broker })
            await client.DisposeAsync();
    }

    [Fact]
    public async Task A_call_that_is_cancelled_before_it_begins_does_nothing()
    {
        await using var broker = await OpenAsync();
        var cancelled = new CancellationToken(canceled: true);
        await using var producer = await broker.TransactionalAsync();
        await using var transaction = await producer.BeginTransactionAsync();

        await Refused<OperationCanceledException>(async () => await broker.Broker.PublishAsync(Orders, "k", "v", cancelled));
        await Refused<OperationCanceledException>(async () => await transaction.SendAsync(Orders, "k", "v", cancelled));
        await Refused<OperationCanceledException>(async () => await transaction.CommitAsync(cancelled));
        await Refused<OperationCanceledException>(() => broker.Admin.CreateTopicAsync("late", cancellationToken: cancelled));
        await Refused<OperationCanceledException>(() => broker.Admin.DeleteRecordsAsync(First, 0, cancelled));

        broker.Admin.DescribeTopic("late").Should().BeNull();
        await transaction.CommitAsync();
        await IsUntouchedAsync(broker);
    }

    private static async Task Refused<TException>(Func<Task> call, bool orArgument = false)
        where TException : Exception
    {
        var thrown = await Record.ExceptionAsync(call);
        if (!orArgument || thrown is not ArgumentException)
            thrown.Should().BeAssignableTo<TException>(thrown?.ToString() ?? "it was not refused");
        if (thrown is BrokerException broker)
            broker.Recovery.Should().BeOneOf([ErrorRecovery.FixRequest, ErrorRecovery.RecreateClient], "trying again cannot help: {0}", broker.Message);
    }

    private static Task Refused<TException>(Action call)
        where TException : Exception =>
        Refused<TException>(() =>
        {
            call();
            return Task.CompletedTask;
        });

    private static Task Refused<TException>(Func<object?> call)
        where TException : Exception =>
        call is Func<Task> task ? Refused<TException>(task) : Refused<TException>(() => call() as Task ?? Task.CompletedTask);

    private static async Task IsUntouchedAsync(TestBroker broker)
    {
        broker.Admin.ListTopics().Where(topic => !topic.IsInternal).Select(topic => topic.Name).Should().Equal("invoices", "orders");
        broker.Admin.DescribeTopic("orders")!.Partitions.Should().Be(1);
        broker.Offsets(First).HighWatermark.Should().Be(0);
        broker.Offsets(new TopicPartition("invoices", 0)).HighWatermark.Should().Be(0);
        broker.Admin.ListGroups().Should().BeEmpty();
        (await broker.Broker.PublishAsync(Orders, "k", "works")).Offset.Should().Be(0);
        (await broker.ReadAsync()).Should().Equal("works");
    }
}
