using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Recovery;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

/// <summary>
/// What is written in one step is one journal frame, and a frame has a limit. It is checked before anything has changed, never when the frame is full.
/// </summary>
public sealed class FrameLimitTests
{
    [Fact]
    public async Task A_named_producer_over_many_partitions_sends_in_steps_that_a_frame_holds()
    {
        const int Partitions = 40;
        await using var broker = await OpenAsync(Place.Folder, Partitions, configure: options => options.JournalFileBytes = 4 << 20);
        await using var importer = broker.Broker.CreateProducer(Orders).WithIdentity("import").WithLinger(TimeSpan.FromMinutes(1)).Build();

        // Two megabytes in open batches, and a frame holds one.
        for (var i = 0; i < Partitions; i++)
            await importer.PostAsync(new ProducerRecord<string, string>("k", new string('x', 50_000)) { Partition = i, SourceSequence = i });
        await importer.FlushAsync();

        (await importer.GetLastSourceSequenceAsync()).Should().Be(Partitions - 1);
        for (var i = 0; i < Partitions; i++)
            broker.Offsets(new TopicPartition("orders", i)).HighWatermark.Should().Be(1);
    }

    [Fact]
    public async Task A_step_of_a_named_producer_that_no_frame_holds_is_refused_as_a_whole()
    {
        await using var broker = await OpenAsync(Place.Folder, partitions: 20, configure: options => options.JournalFileBytes = 4 << 20);
        var identity = broker.Engine.Transactions.OpenNamed("import", "a test", broker.Engine.NowMs).Decision.Identity;
        var batches = new List<PartitionBatch>();
        for (var i = 0; i < 20; i++)
        {
            var (header, bytes) = SignedProducer.Batch(identity, sequence: 0, broker.Engine.NowMs, BatchAttributes.None, new string('x', 60_000));
            batches.Add(new PartitionBatch(broker.Engine.Partitions.Find(new TopicPartition("orders", i))!, header, bytes));
        }

        var refused = broker.Engine.Transactions.AppendNamed("import", batches, lastSourceSequence: 19, broker.Engine.NowMs, out _);

        refused.Should().OnlyContain(receipt => receipt.Error == ErrorCode.MessageTooLarge);
        var accepted = broker.Engine.Transactions.AppendNamed("import", batches[..15], lastSourceSequence: 14, broker.Engine.NowMs, out _);
        accepted.Should().OnlyContain(receipt => receipt.Error == ErrorCode.None && receipt.BaseOffset == 0);
        await using var next = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();
        (await next.GetLastSourceSequenceAsync()).Should().Be(14);
    }

    [Fact]
    public void A_transaction_is_refused_the_partition_for_whose_marker_no_frame_has_room_and_can_be_aborted()
    {
        var wide = Topic.Create("wide", Serdes.Utf8, Serdes.Utf8);
        var life = Life.Open(new SimulatedDisk(), new Promises());
        life.Run(async now =>
        {
            await now.Broker.Admin.CreateTopicAsync(wide.Name, options => options.Partitions = 400);
            await using var producer = await now.Broker.CreateTransactionalProducerAsync("wide");
            await using (var tooWide = await producer.BeginTransactionAsync())
            {
                for (var i = 0; i < 400; i++)
                    await tooWide.SendAsync(wide, new ProducerRecord<string, string>("k", "v") { Partition = i });
                (await FluentActions.Awaiting(() => tooWide.CommitAsync().AsTask()).Should().ThrowAsync<TransactionAbortableException>()).WithMessage("*partitions*");
            }
            await using var narrow = await producer.BeginTransactionAsync();
            for (var i = 0; i < 100; i++)
                await narrow.SendAsync(wide, new ProducerRecord<string, string>("k", "v") { Partition = i });
            await narrow.CommitAsync();
            now.Engine.Journal.Failure.Should().BeNull();
        });
    }

    [Fact]
    public void Offsets_that_no_frame_holds_are_refused_and_none_is_committed()
    {
        var life = Life.Open(new SimulatedDisk(), new Promises());
        life.Run(now => now.CreateTopicsAsync());
        var partition = life.Engine.Partitions.Find(new TopicPartition(Life.Plain.Name, 0))!.Key;
        var request = new OffsetCommitRequest
        {
            Group = "wordy",
            Offsets = [.. Enumerable.Range(0, 20).Select(i => new OffsetValue(partition with { Index = i }, 1, Metadata: new string('m', 4000)))],
        };

        var reply = life.Engine.Groups.Commit(request, life.Engine.NowMs);

        reply.Decision.Verdict.Should().Be(GroupVerdict.PolicyViolation);
        life.Engine.Groups.List().Should().BeEmpty();
        life.Engine.Groups.Commit(request with { Offsets = [request.Offsets[0]] }, life.Engine.NowMs).Decision.Verdict.Should().Be(GroupVerdict.None);
    }

    [Fact]
    public async Task Message_ids_that_no_frame_holds_beside_their_records_are_refused()
    {
        await using var broker = await OpenAsync(
            Place.Folder, topic: options => options.MessageIdWindow = TimeSpan.FromHours(1), configure: options => options.JournalFileBytes = 4 << 20);

        await broker.Broker.Awaiting(open => open.PublishAsync(Orders, new ProducerRecord<string, string>("k", "v") { MessageId = new string('i', 500_000) }).AsTask())
            .Should().ThrowAsync<InvalidRequestException>().Where(refused => refused.Code == ErrorCode.MessageTooLarge);

        (await broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "v") { MessageId = "short" })).Offset.Should().Be(0);
    }

    [Fact]
    public async Task A_frame_that_cannot_be_closed_stops_the_broker_and_leaves_no_partition_locked()
    {
        await using var broker = await OpenAsync(Place.Folder);
        var engine = broker.Engine;
        var partition = engine.Partitions.Find(First)!;
        var composer = new FrameComposer(engine.State, engine.Journal);

        FluentActions.Invoking(() =>
        {
            lock (engine.State.Lock)
            {
                using var guard = composer.Guard();
                composer.Open(engine.NowMs);
                composer.Enter(partition);
                composer.Frame!.Add(0, default, 0, new byte[engine.Journal.FrameBytesMax + 1]);
                composer.Close();
            }
        }).Should().Throw<InvalidOperationException>();

        partition.Lock.IsHeldByCurrentThread.Should().BeFalse();
        await broker.Broker.Awaiting(open => open.PublishAsync(Orders, "k", "v").AsTask()).Should().ThrowAsync<StorageException>();
        (await broker.ReadAsync()).Should().BeEmpty();
    }
}
