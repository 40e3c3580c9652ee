using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class OffsetTests
{
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task Offsets_of_a_transaction_are_unstable_until_it_is_decided_and_then_committed(Place place)
    {
        await using var broker = await OpenAsync(place);
        await broker.Broker.PublishAsync(Orders, "k", "1");
        var token = await PrepareWithOffsetAsync(broker);
        var fetching = broker.Admin.GetGroupOffsetsAsync("billing", "orders");
        await Task.Delay(20);
        fetching.IsCompleted.Should().BeFalse("the transaction holds the offset");

        await broker.Admin.CommitPreparedAsync(token);

        (await fetching.WaitAsync(Soon)).Should().ContainKey(First).WhoseValue.Offset.Should().Be(1);
    }

    [Fact]
    public async Task Offsets_of_an_aborted_transaction_leave_what_was_committed_before()
    {
        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "1");
        await broker.Admin.ResetGroupOffsetAsync("billing", First, 0);
        var token = await PrepareWithOffsetAsync(broker);
        var fetching = broker.Admin.GetGroupOffsetsAsync("billing", "orders");

        await broker.Admin.AbortPreparedAsync(token);

        (await fetching.WaitAsync(Soon))[First].Offset.Should().Be(0);
    }

    [Fact]
    public async Task A_later_plain_commit_wins_over_the_offset_of_an_earlier_transaction()
    {
        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "1");
        var token = await PrepareWithOffsetAsync(broker);
        await broker.Admin.ResetGroupOffsetAsync("billing", First, 9);

        await broker.Admin.CommitPreparedAsync(token);

        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders"))[First].Offset.Should().Be(9);
    }

    [Fact]
    public async Task Unstable_offsets_survive_a_restart_and_are_decided_by_the_token()
    {
        await using var broker = await OpenAsync(Place.Folder);
        await broker.Broker.PublishAsync(Orders, "k", "1");
        var token = await PrepareWithOffsetAsync(broker);
        await broker.ReopenAsync();
        var fetching = broker.Admin.GetGroupOffsetsAsync("billing", "orders");
        fetching.IsCompleted.Should().BeFalse();

        await broker.Admin.CommitPreparedAsync(token);

        (await fetching.WaitAsync(Soon))[First].Offset.Should().Be(1);
        await broker.ReopenAsync();
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders"))[First].Offset.Should().Be(1);
    }

    [Fact]
    public async Task Deleting_a_group_takes_its_offsets_along_also_those_a_transaction_holds()
    {
        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "1");
        await broker.Admin.ResetGroupOffsetAsync("billing", First, 0);
        var token = await PrepareWithOffsetAsync(broker);

        await broker.Admin.DeleteGroupAsync("billing");
        await broker.Admin.CommitPreparedAsync(token);

        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_static_member_that_came_back_elsewhere_fences_the_transaction_of_its_predecessor()
    {
        await using var broker = await OpenAsync();
        await broker.Broker.PublishAsync(Orders, "k", "1");
        await using var producer = await broker.TransactionalAsync();
        await using var predecessor = broker.Broker.CreateConsumer(Orders).InGroup("billing").WithInstanceId("one").Build();
        await using var loop = predecessor.ReadBatchesAsync().GetAsyncEnumerator();
        await loop.MoveNextAsync();
        var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Invoices, "k", "zombie");
        transaction.AddOffsets(predecessor, loop.Current);

        await using var successor = broker.Broker.CreateConsumer(Orders).InGroup("billing").WithInstanceId("one").Build();
        (await successor.GetLagAsync()).Should().Be(1);
        var refused = await FluentActions.Awaiting(async () => await transaction.CommitAsync()).Should().ThrowAsync<ClientInvalidatedException>();

        refused.Which.Code.Should().Be(ErrorCode.FencedInstanceId);
        await transaction.DisposeAsync();
        (await broker.ReadAsync(Invoices)).Should().BeEmpty();
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_member_that_lost_its_partition_cannot_move_its_position_within_a_transaction_or_without()
    {
        await using var broker = await OpenAsync(partitions: 2);
        await broker.Broker.PublishAsync(Orders, "k", "1");
        await using var producer = await broker.TransactionalAsync(timeout: TimeSpan.FromMinutes(10));
        await using var slow = broker.Broker.CreateConsumer(Orders).InGroup("billing").Build();
        await using var other = broker.Broker.CreateConsumer(Orders).InGroup("billing").Build();
        await using var loop = slow.ReadBatchesAsync().GetAsyncEnumerator();
        await loop.MoveNextAsync();
        var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Invoices, "k", "zombie");
        transaction.AddOffsets(slow, loop.Current);
        (await other.GetLagAsync()).Should().Be(0, "both partitions are taken until the slow member gives one up");

        broker.Clock.Advance(TimeSpan.FromSeconds(61));

        await FluentActions.Awaiting(async () => await transaction.CommitAsync()).Should().ThrowAsync<ClientInvalidatedException>();
        await FluentActions.Awaiting(async () => await slow.CommitAsync()).Should().ThrowAsync<ClientInvalidatedException>();
        await transaction.DisposeAsync();
        (await broker.ReadAsync(Invoices)).Should().BeEmpty();
        (await broker.Admin.GetGroupOffsetsAsync("billing", "orders")).Should().BeEmpty();
    }

    [Fact]
    public async Task Two_members_share_the_partitions_and_when_one_leaves_the_other_goes_on_from_its_position()
    {
        await using var broker = await OpenAsync(partitions: 2);
        await using var stays = broker.Broker.CreateConsumer(Orders).InGroup("billing").Build();
        var leaves = broker.Broker.CreateConsumer(Orders).InGroup("billing").Build();
        for (var partition = 0; partition < 2; partition++)
            for (var i = 0; i < 3; i++)
                await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", $"{partition}.{i}") { Partition = partition });
        (await leaves.GetLagAsync()).Should().Be(6);
        (await stays.GetLagAsync()).Should().Be(0);
        var left = new List<string>();
        await foreach (var record in leaves.ReadAllAsync())
        {
            left.Add(record.Value);
            await leaves.CommitAsync();
            if (leaves.Assignment.Count == 1 && left.Count >= 2)
                break;
        }
        await leaves.DisposeAsync();

        var rest = new List<string>();
        await foreach (var record in stays.ReadAllAsync())
        {
            rest.Add(record.Value);
            if (left.Count + rest.Count == 6)
                break;
        }

        left.Concat(rest).Should().BeEquivalentTo("0.0", "0.1", "0.2", "1.0", "1.1", "1.2");
        stays.Assignment.Should().HaveCount(2);
    }

    [Fact]
    public async Task Members_of_a_group_are_given_the_partitions_a_topic_grows_by()
    {
        await using var broker = await OpenAsync();
        await using var member = broker.Broker.CreateConsumer(Orders).InGroup("billing").Build();
        await member.GetLagAsync();
        await using var loop = member.ReadAllAsync().GetAsyncEnumerator();
        var next = loop.MoveNextAsync().AsTask();

        await broker.Admin.AddPartitionsAsync("orders", 3);
        await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "grown") { Partition = 2 });

        (await next.WaitAsync(Soon)).Should().BeTrue();
        (loop.Current.Value, loop.Current.TopicPartition.Partition).Should().Be(("grown", 2));
        member.Assignment.Should().HaveCount(3);
    }

    [Fact]
    public async Task A_group_with_members_is_neither_reset_nor_deleted()
    {
        await using var broker = await OpenAsync();
        await using var member = broker.Broker.CreateConsumer(Orders).InGroup("billing").Build();
        await member.GetLagAsync();

        await FluentActions.Awaiting(() => broker.Admin.ResetGroupOffsetAsync("billing", First, 0)).Should().ThrowAsync<BrokerException>();
        (await FluentActions.Awaiting(() => broker.Admin.DeleteGroupAsync("billing")).Should().ThrowAsync<InvalidRequestException>())
            .Which.Code.Should().Be(ErrorCode.NonEmptyGroup);
    }

    internal static async Task<string> PrepareWithOffsetAsync(TestBroker broker)
    {
        var producer = await broker.TransactionalAsync();
        await using var consumer = broker.Broker.CreateConsumer(Orders).InGroup("billing").WithPartitions(0).StartFrom(StartFrom.Offset(0)).Build();
        var transaction = await producer.BeginTransactionAsync();
        await consumer.SeekAsync(First, 0);
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            transaction.AddOffsets(consumer, batch);
            break;
        }
        return await transaction.PrepareAsync();
    }
}
