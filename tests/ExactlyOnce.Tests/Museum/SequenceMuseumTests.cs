using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Partitions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Sequence numbers that overlap, wrap, come first, or are all that is left of a producer.</summary>
public sealed class SequenceMuseumTests
{
    // Pulsar #6273. A batch that began inside what was known and ended beyond it was dropped whole and acknowledged. Every overlap with two stored batches is
    // refused; each of them alone is answered.
    [Fact]
    public async Task Museum_P06_DuplicateAndNewInOneBatch()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker);
        await producer.WriteAsync(First, 0, "0", "1", "2");
        await producer.WriteAsync(First, 3, "3", "4", "5");
        for (var from = 0; from < 6; from++)
        {
            for (var count = 1; count <= 9; count++)
            {
                string[] values = [.. Enumerable.Range(from, count).Select(value => $"{value}")];
                var outcome = await producer.AppendAsync(First, from, values);
                if (count == 3 && from % 3 == 0)
                    (outcome.Error, outcome.IsDuplicate, outcome.BaseOffset).Should().Be((ErrorCode.None, true, from));
                else
                    outcome.Error.Should().Be(ErrorCode.OutOfOrderSequence, $"{from}..{from + count - 1} is neither one nor the other");
            }
        }
        (await producer.WriteAsync(First, 6, "6")).Should().Be(6);
        (await broker.ReadAsync()).Should().Equal("0", "1", "2", "3", "4", "5", "6");
    }

    // KAFKA-5283, KAFKA-7692, franz-go 1.5.3. Behind 2^31-1 comes 0; somebody's addition overflowed. Batches that end at the edge, cross it and begin behind
    // it, and retries of each, also after a restart.
    [Theory]
    [InlineData(10)]
    [InlineData(8)]
    [InlineData(5)]
    [InlineData(3)]
    [InlineData(1)]
    public void Museum_P07_SequenceWrap(int sizeOfBatches)
    {
        var broker = SteppedBroker.Create();
        var other = broker.Run(() => SignedProducer.OpenAsync(broker.Backend));
        broker.Run(() => other.WriteAsync(First, 0, "a partition that is not new"));
        var producer = broker.Run(() => SignedProducer.OpenAsync(broker.Backend));
        var (sequence, sent) = (int.MaxValue - 9, new List<(int Sequence, string[] Values, long Offset)>());
        for (var batch = 0; batch < (20 / sizeOfBatches) + 2; batch++)
        {
            string[] values = [.. Enumerable.Range(0, sizeOfBatches).Select(record => $"{batch}.{record}")];
            sent.Add((sequence, values, broker.Run(() => producer.WriteAsync(First, sequence, values))));
            for (var record = 0; record < sizeOfBatches; record++)
                sequence = sequence == int.MaxValue ? 0 : sequence + 1;
            Sequence.Add(sent[^1].Sequence, sizeOfBatches).Should().Be(sequence);
            AnswerAgain(broker, producer, sent);
        }
        sent.Should().Contain(batch => batch.Sequence < 100).And.Contain(batch => batch.Sequence > int.MaxValue - 100);

        var next = broker.Revive();
        AnswerAgain(next, producer.On(next.Backend), sent);
        next.Offsets(First).HighWatermark.Should().Be(1 + (sent.Count * sizeOfBatches));
    }

    // KAFKA-7190, KAFKA-6003, Redpanda bc3d761b87. Retention deleted a producer's last batch and the broker forgot the producer. All records go, the broker is
    // opened again.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Museum_P08_RetentionAteTheLastBatch(bool clean)
    {
        var broker = SteppedBroker.Create();
        var producer = broker.Run(() => SignedProducer.OpenAsync(broker.Backend));
        for (var sequence = 0; sequence < 10; sequence++)
            broker.Run(() => producer.WriteAsync(First, sequence, $"{sequence}"));
        broker.Engine.Checkpoint();
        broker.Run(() => broker.Broker.Admin.DeleteAllRecordsAsync(First));
        broker.Engine.Checkpoint();

        var next = clean ? broker.Reopen() : broker.Revive();
        var again = producer.On(next.Backend);
        (next.Offsets(First).LogStart, next.Offsets(First).HighWatermark).Should().Be((10, 10));
        var retried = next.Run(() => again.AppendAsync(First, 9, "9"));
        (retried.Error, retried.IsDuplicate, retried.BaseOffset).Should().Be((ErrorCode.None, true, 9));
        next.Run(() => again.WriteAsync(First, 10, "10")).Should().Be(10);
        retried = next.Run(() => again.AppendAsync(First, 10, "10"));
        (retried.Error, retried.IsDuplicate, retried.BaseOffset).Should().Be((ErrorCode.None, true, 10));
        next.Run(() => again.AppendAsync(First, 12, "gap")).Error.Should().Be(ErrorCode.OutOfOrderSequence);
        next.Read().Should().Equal("10");
    }

    // KAFKA-15591, KAFKA-14312, KAFKA-19880. Of two pipelined batches the first was bounced and the second taken as the first of a new partition; the retry of
    // the first was refused until it expired: lost, with idempotence on. Also for a new epoch in a partition that knows the producer.
    [Fact]
    public async Task Museum_P10_FirstBatchOutOfOrder()
    {
        await using var broker = await OpenAsync();
        var producer = await SignedProducer.OpenAsync(broker);
        string[] first = [.. Enumerable.Range(0, 10).Select(value => $"{value}")], second = [.. Enumerable.Range(10, 10).Select(value => $"{value}")];

        (await producer.AppendAsync(First, 10, second)).Error.Should().Be(ErrorCode.OutOfOrderSequence);
        broker.Offsets(First).HighWatermark.Should().Be(0);
        await producer.WriteAsync(First, 0, first);
        await producer.WriteAsync(First, 10, second);
        (await broker.ReadAsync()).Should().Equal([.. first, .. second]);

        var bumped = producer.As(producer.Identity with { Epoch = 1 });
        (await bumped.AppendAsync(First, 10, second)).Error.Should().Be(ErrorCode.OutOfOrderSequence);
        await bumped.WriteAsync(First, 0, "new epoch");
    }

    // The library's own producer never leaves a number out: what is bounced has used none.
    [Fact]
    public async Task Museum_P10_FirstBatchOutOfOrder_OfOurOwnProducer()
    {
        await using var broker = await OpenAsync(topic: options => options.MaxMessageBytes = 500);
        await using var producer = broker.Broker.CreateProducer(Orders).Build();
        var bounced = producer.SendAsync("k", new string('x', 600)).AsTask();
        var pipelined = producer.SendAsync("k", "second").AsTask();

        await FluentActions.Awaiting(() => bounced).Should().ThrowAsync<BrokerException>();
        (await pipelined).Offset.Should().Be(0);
        await producer.SendAsync("k", "first, smaller");
        (await broker.ReadAsync()).Should().Equal("second", "first, smaller");
    }

    // KAFKA-7298. When only a marker was left of a producer its next sequence was not known and its batches were refused. Everything in front of the marker is
    // deleted, and then the marker too.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Museum_P11_OnlyAMarkerLeft(long logStart)
    {
        var broker = SteppedBroker.Create();
        var producer = broker.Run(() => SignedProducer.OpenAsync(broker.Backend, "t"));
        broker.Run(() => producer.WriteAsync(First, 0, "a"));
        broker.Run(() => producer.EndAsync(commit: true));
        broker.Run(() => broker.Broker.Admin.DeleteRecordsAsync(First, logStart));
        broker.Run(() => producer.WriteAsync(First, 0, "b"));
        broker.Run(() => producer.EndAsync(commit: true));

        var next = broker.Revive();
        var again = next.Run(() => SignedProducer.OpenAsync(next.Backend, "t"));
        next.Run(() => again.WriteAsync(First, 0, "c"));
        next.Run(() => again.EndAsync(commit: true));
        next.Read().Should().Equal("b", "c");
        next.Run(() => producer.On(next.Backend).AppendAsync(First, 0, "old")).Error.Should().Be(ErrorCode.ProducerFenced);
    }

    // KAFKA-5490, KAFKA-8335. Compaction removed a producer's last batch, and its sequence with it. All its keys are overwritten by another, the log is
    // compacted and opened again.
    [Fact]
    public void Museum_P12_CompactionRemovesTheSequence()
    {
        var broker = SteppedBroker.Create(topic: options =>
        {
            options.Cleanup = CleanupPolicy.Compact;
            options.SegmentBytes = 32 << 10;
        });
        broker.Run(async () =>
        {
            await using var overwritten = broker.Broker.CreateProducer(Orders).Build();
            await using var other = broker.Broker.CreateProducer(Orders).Build();
            for (var round = 0; round < 300; round++)
                await (round < 5 ? overwritten : other).SendAsync(new ProducerRecord<string, string>("k", $"{round}".PadRight(500, '.')) { Partition = 0 });
        });
        var entries = new List<(long Id, short Epoch, int Last)>();
        foreach (var entry in broker.Partition(First).State.Producers)
            entries.Add((entry.ProducerId, entry.Epoch, entry.LastSequence));
        broker.Engine.Checkpoint();
        broker.Engine.CompactLogs(broker.Engine.NowMs);
        broker.Read().Count.Should().BeLessThan(200);

        var next = broker.Revive();
        var after = new List<(long Id, short Epoch, int Last)>();
        foreach (var entry in next.Partition(First).State.Producers)
            after.Add((entry.ProducerId, entry.Epoch, entry.LastSequence));
        after.Should().BeEquivalentTo(entries);
        var (id, epoch, last) = entries.Single(entry => entry.Last == 4);
        var producer = next.Run(() => SignedProducer.OpenAsync(next.Backend)).As(new ProducerIdentity(id, epoch));
        var retried = next.Run(() => producer.AppendAsync(First, last, "4"));
        (retried.Error, retried.IsDuplicate, retried.BaseOffset).Should().Be((ErrorCode.None, true, 4));
    }

    // The same ticket's other half: batches were kept by their sequence alone, so that an epoch for each transaction, all with sequence 0, made the file grow
    // without bound.
    [Fact]
    public void Museum_P12_CompactionRemovesTheSequence_TenThousandEpochs()
    {
        var environment = new StepEnvironment(new SimulatedDisk());
        environment.Run(async () =>
        {
            await using var broker = await OpenAsync(topic: options => options.Cleanup = CleanupPolicy.Compact, configure: options => options.Environment = environment);
            await using var producer = await broker.TransactionalAsync();
            var partition = broker.Engine.Partitions.Find(First)!;
            for (var epoch = 0; epoch < 10_000; epoch++)
                await CommitOneAsync(producer, $"{epoch}");
            partition.Tail.SizeInBytes.Should().BeGreaterThan(10_000 * 140);

            // A marker goes once its horizon is past: one round notes it, a later one with something new to look at acts on it.
            for (var round = 0; round < 3; round++)
            {
                await CommitOneAsync(producer, $"round {round}");
                using (partition.Lock.Enter())
                    partition.Tail.CloseChunk();
                broker.Engine.CompactLogs(broker.Engine.NowMs);
                environment.Clock.Advance(TimeSpan.FromDays(2));
            }

            partition.Tail.SizeInBytes.Should().BeLessThan(2_000, "an epoch leaves nothing behind");
            PartitionUnderTest.SnapshotOf(partition.State).Length.Should().BeLessThan(400, "it is one producer");
            (await broker.ReadAsync()).Should().Equal("round 2");
        });
    }

    private static async Task CommitOneAsync(TransactionalProducer producer, string value)
    {
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", value);
        await transaction.CommitAsync();
    }

    private static void AnswerAgain(SteppedBroker broker, SignedProducer producer, List<(int Sequence, string[] Values, long Offset)> sent)
    {
        foreach (var (sequence, values, offset) in sent.TakeLast(5))
        {
            var retry = broker.Run(() => producer.AppendAsync(First, sequence, values));
            (retry.Error, retry.IsDuplicate, retry.BaseOffset).Should().Be((ErrorCode.None, true, offset), $"sequence {sequence}");
        }
    }
}
