using System.Collections.Concurrent;
using System.Text;
using CsCheck;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Clients.Producing;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>What producers got wrong on their own side: errors that nobody looked at, numbers given out twice, buffers used again too soon.</summary>
public sealed class ClientMuseumTests
{
    // librdkafka 1.5.2, KAFKA-5385. A record that failed did not fail its transaction, and the commit left it out without a word. One of three sends fails in
    // each of the ways there are; nobody awaits it.
    [Theory]
    [InlineData("too large")]
    [InlineData("serializer")]
    [InlineData("no such topic")]
    [InlineData("refused by the broker")]
    public async Task Museum_T30_ProducerErrorIgnored(string way)
    {
        await using var broker = await OpenAsync(
            partitions: 2, topic: options => options.TimestampMaxAhead = TimeSpan.FromHours(1), configure: options => options.AutoCreateTopics = false);
        await using var producer = await broker.TransactionalAsync();
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", "before");
        _ = way switch
        {
            "too large" => transaction.SendAsync(Orders, "k", new string('x', 2 << 20)).AsTask(),
            "serializer" => transaction.SendAsync(Topic.Create("orders", Serdes.Utf8, new Broken()), "k", "x").AsTask(),
            "no such topic" => transaction.SendAsync(Topic.Create("nowhere", Serdes.Utf8, Serdes.Utf8), "k", "x").AsTask(),
            _ => transaction.SendAsync(Orders, new ProducerRecord<string, string>("k", "x") { Timestamp = broker.Clock.GetUtcNow().AddDays(1) }).AsTask(),
        };
        _ = transaction.SendAsync(Orders, "k", "after").AsTask();

        await FluentActions.Awaiting(async () => await transaction.CommitAsync()).Should().ThrowAsync<BrokerException>();

        await transaction.AbortAsync();
        (await broker.ReadAsync()).Should().BeEmpty();
    }

    // A send that its caller takes back before it has a place in the transaction is told as cancelled and was never part of it; what failed later, on its way
    // to the disk, is.
    [Fact]
    public async Task Museum_T30_ProducerErrorIgnored_CancelledOrFailedLater()
    {
        var backend = new FakeBackend { HoldsAnswers = true };
        backend.AddTopic("orders");
        await using var broker = new Broker(backend, new BrokerOptions());
        await using var producer = await broker.CreateTransactionalProducerAsync("t", new TransactionalProducerOptions { BatchSize = 512 });
        await using var transaction = await producer.BeginTransactionAsync();
        var cancelled = transaction.SendAsync(Orders, "k", "cancelled", new CancellationToken(canceled: true)).AsTask();
        cancelled.IsCanceled.Should().BeTrue();
        for (var record = 0; record < 6; record++)
            _ = transaction.SendAsync(Orders, "k", new string('x', 200)).AsTask();
        backend.HeldCount.Should().BePositive();
        backend.PendingFailure = new StorageException("The journal failed.");
        backend.Release();

        await FluentActions.Awaiting(async () => await transaction.CommitAsync()).Should().ThrowAsync<BrokerException>();
        backend.Ends.Should().NotContain("commit");
        backend["orders"].Values.Should().NotContain("cancelled");
    }

    // librdkafka 1.8.2. An out-of-order error led to a new epoch in the middle; the coordinator began another transaction, the client thought it was the old
    // one, and half was committed. Record 5 of 10 is out of order.
    [Fact]
    public async Task Museum_T32_ReinitialisedInTheMiddle()
    {
        var backend = new FakeBackend();
        backend.AddTopic("orders");
        await using var broker = new Broker(backend, new BrokerOptions());
        await using var producer = await broker.CreateTransactionalProducerAsync("t", new TransactionalProducerOptions { BatchSize = 512 });
        await using var transaction = await producer.BeginTransactionAsync();
        var failures = 0;
        for (var record = 1; record <= 10; record++)
        {
            if (record == 5)
                backend.RefuseNext(ErrorTable.ToException(ErrorCode.OutOfOrderSequence, "A batch before it is missing."));
            try
            {
                await transaction.SendAsync(Orders, "k", $"{record}".PadRight(500));
            }
            catch (BrokerException)
            {
                failures++;
            }
        }

        failures.Should().BePositive();
        await FluentActions.Awaiting(async () => await transaction.CommitAsync()).Should().ThrowAsync<BrokerException>();
        backend.Ends.Should().NotContain("commit");
        backend.Sessions.Should().ContainSingle("nobody took a new identity in the middle");
        backend["orders"].Records.Count.Should().BeLessThan(5, "and nothing was sent behind the gap");
    }

    // KAFKA-19012, CVE-2026-35554. A pooled buffer was filled again while it was still being sent; records landed in another topic, and the checksum did not
    // cover which. Every buffer is poisoned as soon as the append has returned, and used for another partition, while the disk has written nothing of it.
    [Fact]
    public async Task Museum_T33_BufferReusedInFlight()
    {
        SimulatedDisk disk;
        TopicPartition[] partitions = [First, Second, new("invoices", 0)];
        await using (var held = await HeldBroker.OpenAsync())
        {
            var session = (await SignedProducer.OpenAsync(held.Broker)).Session;
            held.Disk.Hold();
            var appends = new List<Task<AppendOutcome>>();
            var pooled = new byte[64 << 10];
            for (var round = 0; round < 30; round++)
                foreach (var partition in partitions)
                    appends.Add(Append(held.Broker, session, partition, round, pooled));
            held.Disk.AwaitArrival();
            held.Disk.Release();
            (await Task.WhenAll(appends).WaitAsync(Soon)).Should().OnlyContain(outcome => outcome.Error == ErrorCode.None);
            disk = held.Simulated.Crash(CrashProfile.LostSectors, 1);
        }

        var next = SteppedBroker.Open(disk, SteppedBroker.Small with { JournalFileBytes = 4 << 20 });
        foreach (var partition in partitions)
            ReadOne(next, partition).Should().Equal(Enumerable.Range(0, 30).Select(round => $"{partition} {round}"));
    }

    // The other half of it: the partition a batch belongs to stands under the journal's checksum. Every byte in front of a batch is changed; no record turns up
    // in another partition.
    [Fact]
    public void Museum_T33_BufferReusedInFlight_PartitionUnderTheChecksum()
    {
        var broker = SteppedBroker.Create();
        var producer = broker.Run(() => SignedProducer.OpenAsync(broker.Backend));
        broker.Run(() => producer.WriteAsync(First, 0, "to the first"));
        broker.Run(() => producer.WriteAsync(Second, 0, "to the second"));
        var journal = $"{SteppedBroker.Root}/{JournalFormat.DirectoryName}";
        var file = $"{journal}/" + broker.Disk.List(journal).Single(name => broker.Disk.ReadAll($"{journal}/{name}").AsSpan().IndexOf("to the second"u8) >= 0);
        var record = broker.Disk.ReadAll(file).AsSpan().IndexOf("to the second"u8);
        var (refused, cut) = (0, 0);
        for (var at = record - 110; at < record; at++)
        {
            var copy = broker.Disk.Crash(CrashProfile.AllSurvive, 1);
            copy.Flip(file, at, 1);
            try
            {
                var next = SteppedBroker.Open(copy);
                ReadOne(next, First).Should().Equal("to the first");
                ReadOne(next, Second).Should().BeEmpty();
                cut++;
            }
            catch (DamagedStorageException)
            {
                refused++;
            }
        }
        (refused + cut).Should().Be(110);
    }

    // KAFKA-8483. When an identity was reset under several batches in flight they were numbered anew in the order of a heap. Ours are never numbered anew: five
    // in flight, the one behind any of them fails, what was sent before is acknowledged in order and nothing is sent after.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Museum_P13_RenumberedInHeapOrder(int inFlight)
    {
        var backend = new FakeBackend { HoldsAnswers = true };
        backend.AddTopic("orders");
        await using var broker = new Broker(backend, new BrokerOptions());
        await using var producer = broker.CreateProducer(Orders).Build();
        var sent = Enumerable.Range(0, inFlight).Select(record => producer.SendAsync("k", $"{record}").AsTask()).ToList();
        backend.RefuseNext(ErrorTable.ToException(ErrorCode.OutOfOrderSequence, "The identity was lost."));
        var failed = producer.SendAsync("k", "failed").AsTask();
        var behind = Enumerable.Range(0, 4).Select(record => producer.SendAsync("k", $"behind {record}").AsTask()).ToList();
        backend.Release();

        await FluentActions.Awaiting(() => failed).Should().ThrowAsync<BrokerException>();
        foreach (var late in behind)
            await FluentActions.Awaiting(() => late).Should().ThrowAsync<BrokerException>();
        (await Task.WhenAll(sent)).Select(at => at.Offset).Should().Equal(Enumerable.Range(0, inFlight).Select(offset => (long?)offset));
        backend["orders"].Values.Should().Equal(Enumerable.Range(0, inFlight).Select(record => $"{record}"));
        backend["orders"].Batches.Select(batch => batch.BaseSequence).Should().Equal(Enumerable.Range(0, inFlight));
        backend.HoldsAnswers = false;
    }

    // KAFKA-13794. A comparator called two batches equal, and a sorted set merged them. What we sort by, the order of partitions in which locks are taken, is a
    // strict total order.
    [Fact]
    public void Museum_P14_ComparatorMergesTwo()
    {
        var number = Gen.OneOf(Gen.Int, Gen.Int[-2, 2], Gen.Const(int.MinValue), Gen.Const(int.MaxValue));
        var key = Gen.Select(number, number, (topic, index) => new PartitionKey(topic, index));
        Gen.Select(key, key, key).Sample((one, two, three) =>
        {
            Math.Sign(one.CompareTo(two)).Should().Be(-Math.Sign(two.CompareTo(one)));
            (one.CompareTo(two) == 0).Should().Be(one == two, "equal are the same only");
            if (one.CompareTo(two) <= 0 && two.CompareTo(three) <= 0)
                one.CompareTo(three).Should().BeLessThanOrEqualTo(0);
        });
        key.Array[0, 20].Sample(keys => new SortedSet<PartitionKey>(keys).Count == keys.Distinct().Count());
    }

    // KAFKA-14397, KAFKA-14034, franz-go #1217, librdkafka 2.3.0. A request that "timed out" had been stored; the client used its number again or left it out.
    // The power fails at every disk operation of one record; its sender does not know, goes on after the restart where the broker says, and has everything
    // once.
    [Theory]
    [InlineData(CrashProfile.LostSectors)]
    [InlineData(CrashProfile.AllSurvive)]
    public void Museum_P15_SequenceResetAfterATimeout(CrashProfile profile)
    {
        for (var operation = 1; ; operation++)
        {
            var broker = SteppedBroker.Create();
            var named = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();
            var plain = broker.Broker.CreateProducer(Invoices).Build();
            broker.Run(() => named.SendAsync("k", "0", sourceSequence: 0).AsTask());
            broker.Run(() => plain.SendAsync("k", "0").AsTask());
            broker.Disk.CrashAt(broker.Disk.Operations + operation);
            var isLost = broker.Try(() => named.SendAsync("k", "1", sourceSequence: 1).AsTask()) is not null;
            if (!isLost)
                break;
            broker.Try(() => named.SendAsync("k", "2", sourceSequence: 2).AsTask()).Should().NotBeNull("an unknown outcome blocks the sequence");
            broker.Try(() => plain.SendAsync("k", "1").AsTask()).Should().NotBeNull();

            var next = broker.Revive(profile, operation);
            var resumed = next.Broker.CreateProducer(Orders).WithIdentity("import").Build();
            var from = next.Run(() => resumed.GetLastSourceSequenceAsync().AsTask())!.Value + 1;
            from.Should().BeOneOf(1, 2);
            for (var sequence = from; sequence < 5; sequence++)
                next.Run(() => resumed.SendAsync("k", $"{sequence}", sequence).AsTask()).IsDuplicate.Should().BeFalse();
            next.Read().Should().BeEquivalentTo(["0", "1", "2", "3", "4"]);
            next.Read(Invoices).Should().Equal("0");
        }
    }

    // librdkafka 1.9.0. A topic that was gone for a moment made the client forget its numbers, and the broker took new records for old ones. A topic is deleted
    // and made again under a producer that lives on.
    [Fact]
    public async Task Museum_P16_TopicDeletedAndRecreated()
    {
        await using var broker = await OpenAsync();
        await using var producer = broker.Broker.CreateProducer(Orders).Build();
        var signed = await SignedProducer.OpenAsync(broker);
        for (var record = 0; record < 5; record++)
            await producer.SendAsync("k", $"old {record}");
        await signed.WriteAsync(First, 0, "old");
        var id = broker.Admin.DescribeTopic("orders")!.Id;
        await broker.Admin.DeleteTopicAsync("orders");
        await broker.Admin.CreateTopicAsync("orders");
        broker.Admin.DescribeTopic("orders")!.Id.Should().NotBe(id);

        for (var record = 0; record < 5; record++)
        {
            var at = await producer.SendAsync("k", $"new {record}");
            (at.IsDuplicate, at.Offset).Should().Be((false, record));
        }
        var outcome = await signed.AppendAsync(First, 0, "new of the other");
        (outcome.Error, outcome.IsDuplicate, outcome.BaseOffset).Should().Be((ErrorCode.None, false, 5));
        (await broker.ReadAsync()).Should().Equal("new 0", "new 1", "new 2", "new 3", "new 4", "new of the other");
    }

    // platformatic/kafka #326, kafkajs #598. Sends at the same time shared one sequence number: all were acknowledged and one was stored. A thousand on one
    // producer, first in the order of calls, then from many threads.
    [Fact]
    public async Task Museum_P19_ConcurrentSendsShareASequence()
    {
        await using var broker = await OpenAsync(Place.Folder, partitions: 2);
        await using var producer = broker.Broker.CreateProducer(Orders).Build();
        var inOrder = await Task.WhenAll(Enumerable.Range(0, 1_000)
            .Select(call => producer.SendAsync(new ProducerRecord<string, string>("k", $"{call}") { Partition = call % 2 }).AsTask()).ToArray());
        foreach (var partition in inOrder.GroupBy(at => at.TopicPartition))
            partition.Select(at => at.Offset).Should().Equal(Enumerable.Range(0, 500).Select(offset => (long?)offset), "the order of calls");

        var offsets = new ConcurrentBag<RecordMetadata>();
        await Parallel.ForAsync(0, 1_000, async (call, token) =>
            offsets.Add(await producer.SendAsync(new ProducerRecord<string, string>("k", $"{1_000 + call}") { Partition = call % 2 }, token)));
        offsets.Select(at => (at.TopicPartition, at.Offset)).Should().OnlyHaveUniqueItems().And.HaveCount(1_000);
        (await broker.ReadAsync()).Should().BeEquivalentTo(Enumerable.Range(0, 2_000).Select(call => $"{call}"));
    }

    private static Task<AppendOutcome> Append(TestBroker broker, ProducerSession session, TopicPartition partition, int round, byte[] pooled)
    {
        string[] values = [.. Enumerable.Range(0, 10).Select(_ => $"{partition} {round}".PadRight(700))];
        var (header, batch) = SignedProducer.Batch(session.Identity, round * 10, broker.Engine.NowMs, BatchAttributes.None, values);
        batch.CopyTo(pooled, 0);
        var operation = new Pending { Session = session };
        operation.Sign(header, pooled.AsMemory(0, batch.Length));
        var status = broker.Partition(partition).Append(operation);
        pooled.AsSpan().Fill(0xDD);
        return status == AppendStatus.Completed ? Task.FromResult(operation.Outcome) : operation.Completed;
    }

    private static List<string> ReadOne(SteppedBroker broker, TopicPartition partition) => broker.Run(async () =>
    {
        var values = new List<string>();
        var topic = Topic.Create(partition.Topic, Serdes.Utf8, Serdes.Utf8);
        await using var consumer = broker.Broker.CreateConsumer(topic).With(options => options.Partitions = [partition.Partition]).Build();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value.TrimEnd());
        return values.Distinct().ToList();
    });

    private sealed class Pending : AppendOperation
    {
        private readonly TaskCompletionSource<AppendOutcome> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<AppendOutcome> Completed => _completed.Task;

        public override void OnCompleted() => _completed.SetResult(Outcome);
    }

    private sealed class Broken : ISerde<string>
    {
        public void Serialize(string value, System.Buffers.IBufferWriter<byte> destination) => throw new FormatException("Somebody else's code.");

        public string Deserialize(ReadOnlySpan<byte> source) => Encoding.UTF8.GetString(source);
    }
}
