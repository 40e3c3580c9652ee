using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Workloads;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

/// <summary>A commit brings the last batches of its transaction along: one frame, whatever the number of partitions.</summary>
public sealed class CommitFrameTests
{
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task Last_batches_offsets_decision_and_markers_are_one_frame(Place place)
    {
        await using var broker = await OpenAsync(place, partitions: 3);
        await using var producer = await broker.TransactionalAsync();
        var appended = broker.Engine.Journal.AppendedLsn;
        await using var transaction = await producer.BeginTransactionAsync();
        for (var partition = 2; partition >= 0; partition--)
            await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", $"{partition}") { Partition = partition });
        transaction.AddOffsets(new TransactionOffsets(
            "readers", null, new Dictionary<TopicPartition, CommittedOffset> { [new TopicPartition("invoices", 0)] = new(7) }));
        broker.Engine.Journal.AppendedLsn.Should().Be(appended, "nothing has been sent");

        await transaction.CommitAsync();

        for (var partition = 0; partition < 3; partition++)
        {
            var written = broker.Engine.Partitions.Find(new TopicPartition("orders", partition))!;
            written.AppliedLsn.Should().Be(broker.Engine.State.AppliedLsn);
            broker.Offsets(written.Name).Should().Be(new PartitionOffsets(0, 2, 2));
        }
        (await broker.ReadAsync()).Should().BeEquivalentTo("0", "1", "2");
        (await broker.Admin.GetGroupOffsetsAsync("readers", "invoices")).Values.Single().Offset.Should().Be(7);
    }

    [Fact]
    public async Task A_partition_that_was_written_before_is_marked_in_the_same_frame()
    {
        await using var broker = await OpenAsync(partitions: 3);
        await using var producer = await broker.TransactionalAsync();
        await using var transaction = await producer.BeginTransactionAsync();
        // The batches of 512 bytes are sent when they are full; the last record stays open in each, and in partition 1 nothing.
        for (var i = 0; i < 2; i++)
            await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", new string('x', 300)) { Partition = 0 });
        await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", new string('y', 600)) { Partition = 1 });
        await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", "z") { Partition = 2 });

        await transaction.CommitAsync();

        int[] ends = [3, 2, 2];
        for (var partition = 0; partition < 3; partition++)
        {
            broker.Offsets(new TopicPartition("orders", partition)).LastStable.Should().Be(ends[partition]);
            broker.Engine.Partitions.Find(new TopicPartition("orders", partition))!.AppliedLsn.Should().Be(broker.Engine.State.AppliedLsn);
        }
        (await broker.ReadAsync()).Should().HaveCount(4);
    }

    [Fact]
    public async Task Batches_that_no_frame_holds_together_are_sent_one_by_one_and_committed()
    {
        await using var broker = await OpenAsync(Place.Folder, partitions: 30, configure: options => options.JournalFileBytes = 4 << 20);
        await using var producer = await broker.Broker.CreateTransactionalProducerAsync("wide", new TransactionalProducerOptions { BatchSize = 1 << 20 });
        await using var transaction = await producer.BeginTransactionAsync();
        for (var partition = 0; partition < 30; partition++)
            await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", new string('x', 50_000)) { Partition = partition });

        await transaction.CommitAsync();

        (await broker.ReadAsync()).Should().HaveCount(30);
    }

    [Fact]
    public async Task A_refused_last_batch_makes_the_transaction_abortable_and_nothing_of_it_is_seen()
    {
        await using var broker = await OpenAsync(partitions: 2, topic: options => options.MessageIdWindow = TimeSpan.FromHours(1));
        await using var producer = await broker.TransactionalAsync();
        await using (var transaction = await producer.BeginTransactionAsync())
        {
            await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", "fine") { Partition = 0 });
            await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", "named") { Partition = 1, MessageId = "m" });
            await transaction.Awaiting(open => open.CommitAsync().AsTask()).Should().ThrowAsync<TransactionAbortableException>();
        }

        (await broker.ReadAsync()).Should().BeEmpty();
        await using var next = await producer.BeginTransactionAsync();
        await next.SendAsync(Orders, new ProducerRecord<string, string>("k", "next") { Partition = 1 });
        await next.CommitAsync();
        (await broker.ReadAsync()).Should().Equal("next");
    }

    [Fact]
    public async Task Refused_offsets_refuse_the_commit_and_the_transaction_can_be_aborted()
    {
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        await using (var transaction = await producer.BeginTransactionAsync())
        {
            await transaction.SendAsync(Orders, "k", "lost");
            transaction.AddOffsets(new TransactionOffsets(
                "readers", null, new Dictionary<TopicPartition, CommittedOffset> { [First] = new(1, new string('m', 5000)) }));
            (await transaction.Awaiting(open => open.CommitAsync().AsTask()).Should().ThrowAsync<BrokerException>()).Which.Code.Should().Be(ErrorCode.OffsetMetadataTooLarge);
        }

        (await broker.ReadAsync()).Should().BeEmpty();
        broker.Offsets(First).LastStable.Should().Be(broker.Offsets(First).HighWatermark);
    }

    [Fact]
    public void A_batch_and_its_marker_in_one_frame_are_both_there_after_a_crash()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Life.Open(disk, promises);
        life.Run(now => now.CreateTopicsAsync());
        life.Run(async now =>
        {
            await using var producer = await now.Broker.CreateTransactionalProducerAsync("once");
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(Life.Plain, new ProducerRecord<string, string>("k", "v") { Partition = 0 });
            await transaction.SendAsync(Life.Output, new ProducerRecord<string, string>("k", "w") { Partition = 0 });
            await transaction.CommitAsync();
        });

        life = Life.Open(disk.Crash(CrashProfile.Adversarial, 0), promises);

        foreach (var topic in new[] { Life.Plain, Life.Output })
        {
            var offsets = life.Broker.Backend.GetPartition(new TopicPartition(topic.Name, 0)).Offsets;
            (offsets.HighWatermark, offsets.LastStable).Should().Be((2, 2));
        }
    }

    [Fact]
    public async Task The_end_of_a_transaction_looks_only_at_partitions_that_it_has_written()
    {
        await using var broker = await OpenAsync(partitions: 4);
        await using var producer = await broker.TransactionalAsync();
        foreach (var partition in new[] { 0, 1, 2, 3, 1 })
        {
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", $"{partition}") { Partition = partition });
            await transaction.CommitAsync();
        }

        broker.Offsets(new TopicPartition("orders", 0)).HighWatermark.Should().Be(2, "later transactions left no marker where they did not write");
        broker.Offsets(Second).HighWatermark.Should().Be(4);
    }
}
