using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using ExactlyOnce.Tests.Kernel.Partitions;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Clocks that jump, and what expires by them: one thing, very many at once, or what should not.</summary>
public sealed class ClockMuseumTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_month = TimeSpan.FromDays(30);

    // KAFKA-5415, KAFKA-8803. A clock that was set back broke an assertion, the transaction never counted as begun and so lived for ever. The wall clock jumps
    // while the transaction is open; it ends within its timeout by the monotonic clock all the same.
    [Theory]
    [InlineData("back")]
    [InlineData("back twice")]
    [InlineData("forward")]
    [InlineData("forward and back")]
    [InlineData("still")]
    public async Task Museum_T20_ClockGoesBackwards(string jump)
    {
        var clock = new SteppingClock();
        await using var broker = await OpenAsync(partitions: 2, configure: options => options.TimeProvider = clock);
        var isolated = 0;
        foreach (var moment in new[] { "before begin", "after begin", "after write" })
        {
            if (moment == "before begin")
                Jump(clock, jump);
            var producer = await SignedProducer.OpenAsync(broker, $"t {moment}", s_timeout);
            if (moment == "after begin")
                Jump(clock, jump);
            await producer.WriteAsync(First, 0, "never");
            clock.Advance(TimeSpan.FromSeconds(1));
            if (moment == "after write")
                Jump(clock, jump);
            for (var second = 0; second < 31; second++)
                clock.Advance(TimeSpan.FromSeconds(1));

            broker.Offsets(First).LastStable.Should().Be(broker.Offsets(First).HighWatermark, $"{jump} {moment}: it has ended in time");
            await FluentActions.Awaiting(() => producer.EndAsync(commit: true)).Should().ThrowAsync<TransactionTimedOutException>();
            await producer.EndAsync(commit: false);
            clock.StandStill(false);
            await producer.WriteAsync(First, 0, $"{isolated++}");
            Jump(clock, jump is "still" ? "none" : "back");
            clock.Advance(TimeSpan.FromSeconds(20));
            await producer.EndAsync(commit: true);
        }
        (await broker.ReadAsync()).Should().Equal("0", "1", "2");
    }

    // The same while nobody runs: the broker time that is on the disk goes on.
    [Fact]
    public void Museum_T20_ClockGoesBackwards_BetweenTwoRuns()
    {
        var broker = SteppedBroker.Create();
        broker.Environment.Clock.Advance(s_hour);
        var producer = new NetworkProducer(broker.Engine, "t");
        producer.Init(timeoutMs: (int)s_timeout.TotalMilliseconds).IsRefused.Should().BeFalse();
        producer.Append(First, 0, "never");
        broker.Engine.Journal.Drive();

        var next = broker.Revive();
        next.Environment.Clock.GetUtcNow().Should().Be(broker.Environment.Clock.GetUtcNow() - s_hour);
        next.Offsets(First).LastStable.Should().Be(0);
        next.Environment.Clock.Advance(s_timeout + TimeSpan.FromSeconds(1));
        next.Engine.MeetDeadlines();

        next.Run(() => Task.CompletedTask);
        next.Offsets(First).LastStable.Should().Be(next.Offsets(First).HighWatermark, "it has ended in time");
    }

    // KAFKA-14880. A first write that failed left an entry with epoch -1, at which the task that expires ids stopped. The very first InitProducerId fails.
    [Fact]
    public void Museum_T21_ExpiryStopsAtAFailedEntry()
    {
        var broker = SteppedBroker.Create();
        broker.Disk.FailAt(broker.Disk.Operations + 1, FaultKind.IoError);
        broker.Try(() => SignedProducer.OpenAsync(broker.Backend, "first")).Should().NotBeNull();
        broker.Engine.ExpireIdle(broker.Engine.NowMs + (long)s_month.TotalMilliseconds);

        var next = broker.Revive();
        foreach (var id in new[] { "b", "c" })
            new NetworkProducer(next.Engine, id).Init();
        next.Engine.ExpireIdle(next.Engine.NowMs + (long)s_month.TotalMilliseconds);
        next.Engine.State.Transactions.Entries.Should().BeEmpty();
        new NetworkProducer(next.Engine, "first").Init().IsRefused.Should().BeFalse();
    }

    // KAFKA-13099. The records of thousands of expiring ids made one batch above the limit, so nothing expired, for ever. A hundred thousand in one sweep, and
    // no frame above 64 KiB.
    [Fact]
    public void Museum_T22_ExpiryBatchTooLarge()
    {
        const int count = 100_000;
        var broker = SteppedBroker.Create(new EngineOptions { JournalFileBytes = 256 << 10 });
        broker.Engine.Journal.FrameBytesMax.Should().Be(64 << 10);
        Plant(broker, count, id => $"id-{id}");
        var (lsn, syncs) = (broker.Engine.Journal.AppendedLsn, broker.Disk.Syncs);

        broker.Engine.ExpireIdle(broker.Engine.NowMs + (long)s_month.TotalMilliseconds);

        broker.Engine.Journal.Failure.Should().BeNull();
        (broker.Engine.State.Transactions.Entries.Count, broker.Engine.State.Transactions.Tombstones.Count).Should().Be((0, count));
        (broker.Engine.Journal.AppendedLsn - lsn).Should().BeLessThan(count * 64, "each id costs its own bytes and no more");
        (broker.Disk.Syncs - syncs).Should().BeLessThan(1_000);
    }

    // The same by the size of the ids: two hundred are as large as six frames of the smallest journal that the options allow.
    [Fact]
    public void Museum_T22_ExpiryBatchTooLarge_LongIds()
    {
        var broker = SteppedBroker.Create(new EngineOptions { JournalFileBytes = 4 << 20 });
        Plant(broker, 200, id => $"{id}".PadRight(TransactionText.NameBytesMax, '-'));

        broker.Engine.ExpireIdle(broker.Engine.NowMs + (long)s_month.TotalMilliseconds);

        broker.Engine.Journal.Failure.Should().BeNull();
        broker.Engine.State.Transactions.Entries.Should().BeEmpty();
    }

    // KAFKA-9144. Markers did not count as life, so the state of a producer that only ended transactions vanished, and with it the fence. Eight days of nothing
    // but empty ends.
    [Fact]
    public async Task Museum_P09_StateExpiredByDataTimestamps()
    {
        await using var broker = await OpenAsync(partitions: 2);
        var zombie = await SignedProducer.OpenAsync(broker, "t");
        await zombie.WriteAsync(First, 0, "zombie");
        var live = await SignedProducer.OpenAsync(broker, "t");
        var network = new NetworkProducer(broker.Engine, "network");
        var first = network.Init().Identity;
        for (var hour = 0; hour < 8 * 24; hour++)
        {
            await live.EndAsync(commit: hour % 2 == 0);
            network.End(commit: false).IsRefused.Should().BeFalse();
            broker.Clock.Advance(s_hour);
            broker.Engine.ExpireIdle(broker.Engine.NowMs);
        }

        (await zombie.AppendAsync(First, 1, "zombie")).Error.Should().Be(ErrorCode.ProducerFenced);
        (await zombie.AppendAsync(Second, 0, "zombie")).Error.Should().Be(ErrorCode.ProducerFenced);
        await FluentActions.Awaiting(() => zombie.EndAsync(commit: true)).Should().ThrowAsync<ProducerFencedException>();
        var old = network.On(broker.Engine);
        old.Identity = first;
        old.Append(First, 0, "zombie").Error.Should().NotBe(ErrorCode.None);
        await live.WriteAsync(First, 0, "live");
        await live.EndAsync(commit: true);
        (await broker.ReadAsync()).Should().Equal("live");
    }

    // Redpanda 36fbf76b44. Producer ids were evicted by the wall clock. It is set forward by four hundred days under producers that are open.
    [Fact]
    public async Task Museum_P18_EvictedByTheWallClock()
    {
        var clock = new SteppingClock();
        await using var broker = await OpenAsync(topic: options => options.RetainFor = TopicOptions.Forever, configure: options => options.TimeProvider = clock);
        await using var plain = broker.Broker.CreateProducer(Orders).Build();
        await using var named = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();
        await using var transactional = await broker.TransactionalAsync();
        for (var round = 0; round < 3; round++)
        {
            (await plain.SendAsync("k", $"plain {round}")).IsDuplicate.Should().BeFalse();
            (await named.SendAsync("k", $"named {round}", sourceSequence: round)).IsDuplicate.Should().BeFalse();
            (await named.SendAsync("k", "again", sourceSequence: round)).IsDuplicate.Should().BeTrue();
            await using (var transaction = await transactional.BeginTransactionAsync())
            {
                await transaction.SendAsync(Orders, "k", $"transactional {round}");
                await transaction.CommitAsync();
            }
            var identity = transactional.Session.Identity;
            clock.Step(TimeSpan.FromDays(400));
            clock.Advance(TimeSpan.FromSeconds(20));
            broker.Engine.ExpireIdle(broker.Engine.NowMs);
            transactional.Session.Identity.Should().Be(identity);
            broker.Engine.State.Transactions.TryGet("checkout")!.Identity.Should().Be(identity, "somebody holds it");
        }
        (await broker.ReadAsync()).Should().BeEquivalentTo(
            Enumerable.Range(0, 3).SelectMany(round => new[] { $"plain {round}", $"named {round}", $"transactional {round}" }));
    }

    // KAFKA-16229. Expiring a hundred thousand ids took seconds, because each removal searched all. A million expire; counted are the frames, which must be
    // small so that appends come in between, and the producers looked at when nothing is due.
    [Fact]
    public async Task Museum_P20_ExpiryIsQuadratic()
    {
        const int count = 1_000_000;
        await using var broker = await OpenAsync();
        var partition = broker.Engine.Partitions.Find(First)!;
        using (partition.Lock.Enter())
        {
            for (var id = 0; id < count; id++)
                partition.State.Table.Restore(1_000_000 + id);
            partition.State.ProducerCount.Should().Be(count);
        }
        var lsn = broker.Engine.Journal.AppendedLsn;

        partition.ExpireProducers(broker.Engine.NowMs);

        partition.State.ProducerCount.Should().Be(0);
        var frames = broker.Engine.Journal.AppendedLsn - lsn - (count * sizeof(long));
        frames.Should().BeInRange(900 * 28, 1_100 * 28, "a frame of 28 bytes beside its ids for every thousand");
        var one = new PartitionUnderTest(PartitionRules.Default);
        for (var id = 0; id < 3_000; id++)
            one.Produce(PartitionUnderTest.Data(id, 0, 0, 1));
        one.NowMs = PartitionRules.ProducerExpiryMsDefault;
        one.State.DecideExpiry(one.NowMs, producersMax: 1_000).Should().Equal(Enumerable.Range(0, 1_000).Select(id => (long)id), "the longest idle first, and no more than asked for");
    }

    private static void Jump(SteppingClock clock, string jump)
    {
        switch (jump)
        {
            case "back":
                clock.Step(-s_hour);
                break;
            case "back twice":
                clock.Step(-s_hour);
                clock.Advance(TimeSpan.FromSeconds(1));
                clock.Step(-s_hour);
                break;
            case "forward":
                clock.Step(s_month);
                break;
            case "forward and back":
                clock.Step(s_month);
                clock.Advance(TimeSpan.FromSeconds(1));
                clock.Step(-s_month);
                break;
            case "still":
                clock.StandStill(true);
                break;
        }
    }

    /// <summary>Idle ids by the thousand, as if they had been loaded; the run is not opened again.</summary>
    private static void Plant(SteppedBroker broker, int count, Func<int, string> name)
    {
        lock (broker.Engine.State.Lock)
        {
            var client = TransactionClient.Network(TransactionGeneration.V2, "the past");
            for (var id = 0; id < count; id++)
                foreach (var record in broker.Engine.State.Transactions.DecideInitProducer(new InitProducerCommand(name(id), client), broker.Engine.NowMs).Records)
                    broker.Engine.State.Transactions.Apply(record);
        }
    }
}
