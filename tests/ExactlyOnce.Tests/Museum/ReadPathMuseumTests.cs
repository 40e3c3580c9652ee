using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Serialization;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Log;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family R: what readers are given of transactions.</summary>
public sealed class ReadPathMuseumTests
{
    private static readonly ProducerIdentity s_one = new(1, 0);
    private static readonly ProducerIdentity s_two = new(2, 0);

    // librdkafka 1.7.0: an aborted transaction without data swallowed the committed messages behind it. Here markers without data stand in front of committed
    // data of the same producer, in one read: ours and the rules of other clients give the data; and in a broker a transaction is aborted before it wrote.
    [Fact]
    public async Task Museum_R01_EmptyAbortSwallowsCommitted()
    {
        using var log = new TestLog(null);
        for (var round = 0; round < 3; round++)
        {
            log.AppendMarker(s_one, isCommit: false);
            log.Append(TestBatch.Transactional(s_one, 0, ("k", $"{round}")));
            log.AppendMarker(s_one, isCommit: true);
        }
        log.ReadCommitted().Select(record => record.Value).Should().Equal("0", "1", "2");
        ClientRules.ReadAsJava(log).Should().Equal(log.ReadCommitted());
        ClientRules.ReadAsLibrdkafka(log).Should().Equal(log.ReadCommitted());

        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        for (var round = 0; round < 3; round++)
        {
            await using (var empty = await producer.BeginTransactionAsync())
                await empty.AbortAsync();
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(Orders, "k", $"{round}");
            await transaction.CommitAsync();
        }
        (await broker.ReadAsync()).Should().Equal("0", "1", "2");
    }

    // librdkafka #3020: aborted records were visible when they were compressed. Here committed and aborted transactions stand side by side, in each of the five
    // compressions, in memory and on disk.
    [Fact]
    public void Museum_R02_AbortedVisibleWhenCompressed()
    {
        ICompressionCodec[] codecs = [new GzipCodec(), new NamedCodec(CompressionType.Snappy), new NamedCodec(CompressionType.Lz4), new NamedCodec(CompressionType.Zstd)];
        foreach (var codec in codecs.Prepend(null))
        {
            foreach (var isOnDisk in new[] { false, true })
            {
                var options = isOnDisk ? StepBroker.Small : new EngineOptions();
                var broker = StepBroker.Open(new SimulatedDisk(), options with { Codecs = [.. codecs.Skip(1)] });
                broker.CreateTopic("orders", topic => topic.SegmentBytes = 16 << 10);
                var identity = broker.InitProducer("t");
                for (var i = 0; i < 12; i++)
                {
                    broker.AppendIn("t", identity, "orders", 0, 0, codec, ("k", $"{(i % 2 == 0 ? "committed" : "aborted")} {Guid.NewGuid()}"), ("k", Noise(8_000, i)));
                    identity = broker.End("t", identity, commit: i % 2 == 0).Decision.Identity;
                }
                if (isOnDisk)
                    broker.Engine.Checkpoint();
                broker.Values("orders").Should().HaveCount(12).And.NotContain(value => value.StartsWith("aborted", StringComparison.Ordinal));
            }
        }
    }

    // franz-go 1.21.4: the list of aborted transactions came unsorted, entries in memory before those on disk, and aborted data was shown. Here transactions
    // begin in one order and end in another, half of their entries in files and half in memory: from every offset the entries come in the order of their
    // markers, and every read is right, by ours and by the other clients' rules.
    [Fact]
    public void Museum_R03_AbortedListUnsorted()
    {
        for (var written = 0; written <= 8; written++)
        {
            using var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentBytes = 400 });
            for (var round = 0; round < 4; round++)
            {
                log.Append(TestBatch.Transactional(s_one, round, ("k", "aborted")));
                log.Append(TestBatch.Transactional(s_two, round, ("k", round % 2 == 0 ? "aborted" : "committed")));
                log.AppendMarker(s_two, isCommit: round % 2 == 1);
                if (round * 2 == written)
                    log.Checkpoint();
                log.Append(TestBatch.Transactional(s_two, round + 100, ("k", "committed")));
                log.AppendMarker(s_one, isCommit: false);
                log.AppendMarker(s_two, isCommit: true);
                if (round * 2 + 1 == written)
                    log.Checkpoint();
            }
            for (var from = 0L; from < log.Limit; from++)
            {
                var entries = new List<AbortedEntry>();
                log.View.CollectAborted(from, log.LastStable, entries);
                entries.Select(entry => entry.LastOffset).Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
                log.ReadCommitted(from, maxBytes: 1).Should().NotContain(record => record.Value != "committed");
            }
            log.ReadCommitted().Should().HaveCount(6);
            ClientRules.ReadAsJava(log).Should().Equal(log.ReadCommitted());
        }
    }

    // Redpanda 39ebf96dea: between reading the data and reading the list of aborted transactions the log was truncated, the list came back empty, and aborted
    // data was given out. Here records are deleted while a reader holds what it has read and not yet sorted out: it is told that its offset is out of range,
    // and is never given what was aborted.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Museum_R04_DataReadThenTruncated(bool isOnDisk)
    {
        for (var deleteTo = 1L; deleteTo <= 8; deleteTo++)
        {
            var broker = isOnDisk ? StepBroker.Open(new SimulatedDisk()) : StepBroker.InMemory();
            broker.CreateTopic("orders");
            var identity = broker.InitProducer("t");
            for (var i = 0; i < 2; i++)
            {
                broker.Append("orders", 0, ("k", "plain"));
                broker.AppendIn("t", identity, "orders", 0, 0, ("k", $"aborted {Noise(isOnDisk ? 40_000 : 10, i)}"));
                identity = broker.End("t", identity, commit: false).Decision.Identity;
            }
            broker.Append("orders", 0, ("k", "plain"));
            broker.Append("orders", 0, ("k", "plain"));
            if (isOnDisk)
                broker.Engine.Checkpoint();
            using var cursor = new PartitionCursor(broker.Find("orders"), 0, IsolationLevel.ReadCommitted);
            cursor.TryRead(1 << 20, out var run).Should().Be(CursorStatus.Read);
            TestBatch.RecordsIn(run).Single().Value.Should().Be("plain");
            var stoodAt = cursor.NextOffset;

            broker.Run(() => broker.Broker.Admin.DeleteRecordsAsync(new TopicPartition("orders", 0), deleteTo));

            var status = cursor.TryRead(1 << 20, out run);
            if (deleteTo > stoodAt)
                status.Should().Be(CursorStatus.OutOfRange, $"everything in front of {deleteTo} was deleted");
            else
                status.Should().Be(CursorStatus.Read);
            while (status == CursorStatus.Read)
            {
                TestBatch.RecordsIn(run).Should().NotContain(record => record.Value != "plain");
                status = cursor.TryRead(1 << 20, out run);
            }
            broker.Values("orders").Should().NotContain(value => value != "plain");
        }
    }

    // Redpanda 347cedc907: the list of aborted transactions was sent to read_uncommitted readers, which then left records out. Here such a reader is given
    // every record: committed, aborted and still open, in order.
    [Theory]
    [InlineData(Place.Memory)]
    [InlineData(Place.Folder)]
    public async Task Museum_R05_AbortListForUncommittedReader(Place place)
    {
        await using var broker = await OpenAsync(place);
        var producer = await SignedProducer.OpenAsync(broker, "t");
        for (var i = 0; i < 6; i++)
        {
            await producer.WriteAsync(First, 0, $"{i}");
            if (i < 5)
                await producer.EndAsync(commit: i % 2 == 0);
        }
        (await broker.ReadAsync(isolation: IsolationLevel.ReadUncommitted)).Should().Equal("0", "1", "2", "3", "4", "5");
        (await broker.ReadAsync()).Should().Equal("0", "2", "4");
        await using var consumer = broker.Broker.CreateConsumer(Orders).WithIsolation(IsolationLevel.ReadUncommitted).Build();
        (await consumer.GetLagAsync()).Should().Be(6);
    }

    // KAFKA-17582 (Jepsen): after an abort nobody could say where the consumer stood. Here it stands where its loop stands until it is rewound, and then
    // exactly at what was last committed; a pipeline whose handler fails does that by itself, at every record, and each input has one output.
    [Fact]
    public async Task Museum_R06_PositionAfterAbort()
    {
        await using var broker = Broker.CreateInMemory();
        for (var i = 0; i < 9; i++)
            await broker.PublishAsync(Orders, "k", $"{i}");
        await using (var producer = await broker.CreateTransactionalProducerAsync("t"))
        await using (var consumer = broker.CreateConsumer(Orders).InGroup("manual").WithBatch(3).Build())
        {
            var attempts = 0;
            await foreach (var batch in consumer.ReadBatchesAsync())
            {
                await using var transaction = await producer.BeginTransactionAsync();
                transaction.AddOffsets(consumer, batch);
                if (attempts++ % 2 == 0)
                {
                    await transaction.AbortAsync();
                    consumer.Position(First).Should().Be(batch.NextOffset);
                    consumer.Rewind(batch);
                    consumer.Position(First).Should().Be((await consumer.CommittedAsync(First))?.Offset ?? 0);
                    continue;
                }
                await transaction.CommitAsync();
                (await consumer.CommittedAsync(First))!.Value.Offset.Should().Be(consumer.Position(First));
                if (consumer.Position(First) == 9)
                    break;
            }
            attempts.Should().Be(6, "each batch came twice");
        }
        var failed = new HashSet<string>();
        await using var pipeline = broker.CreatePipeline("automatic").Read(Orders).WithBatch(2).WithRetry(5, TimeSpan.Zero).ProcessEach(async (record, output, token) =>
        {
            await output.SendAsync(Invoices, record.Key, record.Value, token);
            if (failed.Add(record.Value))
                throw new FormatException("the first time");
        });
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(Soon);
        var outputs = new List<string>();
        await using var reader = broker.CreateConsumer(Invoices).Build();
        await foreach (var record in reader.ReadToEndAsync())
            outputs.Add(record.Value);
        outputs.Should().Equal(Enumerable.Range(0, 9).Select(i => $"{i}"));
    }

    private static string Noise(int length, int seed)
    {
        var random = new Random(seed);
        return string.Create(length, random, static (span, from) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = (char)from.Next(33, 127);
        });
    }

    /// <summary>Gzip under another name: which codec it is does not matter to who reads what.</summary>
    private sealed class NamedCodec(CompressionType type) : ICompressionCodec
    {
        private readonly GzipCodec _gzip = new();

        public CompressionType Type => type;

        public void Compress(ReadOnlySpan<byte> source, System.Buffers.IBufferWriter<byte> destination) => _gzip.Compress(source, destination);

        public void Decompress(ReadOnlySpan<byte> source, System.Buffers.IBufferWriter<byte> destination, int maxBytes) => _gzip.Decompress(source, destination, maxBytes);
    }
}
