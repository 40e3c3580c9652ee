using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Clients.Consuming;

/// <summary>Calls of consumers that wait for something that does not come: they end when the consumer, the topic or the broker does.</summary>
public sealed class EndingWaitTests
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly TopicPartition s_first = new("orders", 0);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_consumer_that_waits_for_a_prepared_transaction_can_be_disposed_of_and_ends_its_calls()
    {
        await using var broker = Broker.CreateInMemory(options => options.CloseTimeout = TimeSpan.FromSeconds(1));
        await PrepareWithOffsetAsync(broker);
        var consumer = broker.CreateConsumer(s_orders).InGroup("billing").Build();
        var committed = consumer.CommittedAsync(s_first).AsTask();
        var lag = consumer.GetLagAsync().AsTask();
        (committed.IsCompleted || lag.IsCompleted).Should().BeFalse("a prepared transaction holds the offset");

        await consumer.DisposeAsync().AsTask().WaitAsync(s_soon);

        await lag.Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<ObjectDisposedException>();
        await committed.Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Nobody_waits_for_a_transaction_that_a_broken_disk_keeps_from_ending()
    {
        var disk = new SimulatedDisk();
        await using var broker = await OpenAsync(disk);
        await PrepareWithOffsetAsync(broker);
        var before = broker.Admin.GetGroupOffsetsAsync("billing", "orders");
        before.IsCompleted.Should().BeFalse("a prepared transaction holds the offset");

        disk.Plan(new PlannedFault(DiskOperations.Sync, 1, FaultKind.IoError));
        await broker.Awaiting(failing => failing.PublishAsync(s_orders, "k", "2").AsTask()).Should().ThrowAsync<StorageException>();

        await before.Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<StorageException>();
        await broker.Admin.Awaiting(admin => admin.GetGroupOffsetsAsync("billing", "orders").WaitAsync(s_soon)).Should().ThrowAsync<StorageException>();
    }

    [Fact]
    public async Task A_member_of_a_group_can_be_disposed_of_when_the_disk_has_failed()
    {
        var disk = new SimulatedDisk();
        await using var broker = await OpenAsync(disk);
        await broker.Admin.CreateTopicAsync("orders");
        var consumer = broker.CreateConsumer(s_orders).InGroup("billing").Build();
        await consumer.GetLagAsync();

        disk.Plan(new PlannedFault(DiskOperations.Sync, 1, FaultKind.IoError));
        await broker.Admin.Awaiting(admin => admin.CreateTopicAsync("late")).Should().ThrowAsync<StorageException>();

        await consumer.Awaiting(member => member.DisposeAsync().AsTask().WaitAsync(s_soon)).Should().NotThrowAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_member_of_a_group_is_told_that_the_topic_was_deleted(bool isMadeAgain)
    {
        await using var broker = Broker.CreateInMemory(options => options.CloseTimeout = TimeSpan.FromSeconds(1));
        await broker.Admin.CreateTopicAsync("orders");
        await using var owner = broker.CreateConsumer(s_orders).InGroup("billing").Build();
        await using var idle = broker.CreateConsumer(s_orders).InGroup("billing").Build();
        await owner.GetLagAsync();
        await idle.GetLagAsync();
        var reading = new[] { FirstOf(owner), FirstOf(idle) };

        await broker.Admin.DeleteTopicAsync("orders");
        if (isMadeAgain)
            await broker.Admin.CreateTopicAsync("orders");

        foreach (var loop in reading)
            await loop.Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<UnknownTopicException>();
    }

    private static async Task<string?> FirstOf(Consumer<string, string> consumer)
    {
        await foreach (var record in consumer.ReadAllAsync())
            return record.Value;
        return null;
    }

    private static Task<Broker> OpenAsync(SimulatedDisk disk) => Broker.OpenAsync(
        new BrokerOptions { Directory = "/broker", Environment = new SystemEnvironment(disk: disk), CloseTimeout = TimeSpan.FromSeconds(1) }, CancellationToken.None);

    private static async Task PrepareWithOffsetAsync(Broker broker)
    {
        await broker.PublishAsync(s_orders, "k", "1");
        var producer = await broker.CreateTransactionalProducerAsync("checkout");
        await using var consumer = broker.CreateConsumer(s_orders).InGroup("billing").WithPartitions(0).StartFrom(StartFrom.Offset(0)).Build();
        var transaction = await producer.BeginTransactionAsync();
        await consumer.SeekAsync(s_first, 0);
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            transaction.AddOffsets(consumer, batch);
            break;
        }
        await transaction.PrepareAsync();
    }
}
