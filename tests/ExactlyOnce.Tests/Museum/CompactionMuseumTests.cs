using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Log;
using static ExactlyOnce.Tests.Engine.Log.CompactionTests;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family C: compaction of data that transactions decide about.</summary>
public sealed class CompactionMuseumTests
{
    private static readonly ProducerIdentity s_one = new(1, 0);
    private static readonly ProducerIdentity s_two = new(2, 0);

    public static TheoryData<bool> Places => CompactionTests.Places;

    // KAFKA-13727: cleaning a part of a segment rebuilt the index of aborted transactions for that part only, and aborted data became committed. Here the key
    // map holds three keys, so that every pass is a partial one, with aborted transactions on both sides of where it ends; restarts in between, every other one
    // without its transaction indexes.
    [Fact]
    public void Museum_C01_AbortMarkerCleanedBeforeData()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, new SegmentRules { SegmentBytes = 1_500, IndexIntervalBytes = 100 });
        for (var i = 0; i < 30; i++)
        {
            var (producer, isCommit) = (i % 2 == 0 ? s_one : s_two, i % 3 == 0);
            log.Append(TestBatch.Transactional(producer, 0, [.. Enumerable.Range(0, 6).Select(key => ((string?)$"k{key}", (string?)(isCommit ? $"{i}" : "aborted")))]));
            log.AppendMarker(producer, isCommit);
        }
        Close(log);
        var expected = LastOfEach(log);
        var dirty = 0L;
        for (var round = 0; dirty < log.Segments[^1].BaseOffset; round++)
        {
            round.Should().BeLessThan(200);
            log.Compact(Rules(log) with { KeysMax = 3, FirstDirtyOffset = dirty });
            dirty = log.CompactedTo;
            if (round % 2 == 0)
                foreach (var name in disk.List(TestLog.Directory).Where(name => name.EndsWith(".txnindex", StringComparison.Ordinal)))
                    disk.Delete(TestLog.Directory + "/" + name);
            log.Reopen();
            log.NowMs += Horizon / 3;
            log.ReadCommitted().Should().NotContain(record => record.Value == "aborted");
            LastOfEach(log).Should().Equal(expected);
        }
    }

    // KAFKA-14055: a user's key with the bytes of a marker's key removed the marker, and its data met the fate of the next transaction. Here records have those
    // very keys, in transactions of one producer that commit and abort in turn, compacted far beyond every horizon.
    [Theory]
    [MemberData(nameof(Places))]
    public void Museum_C02_UserKeyEqualToMarkerKey(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        for (var i = 0; i < 6; i++)
        {
            var value = i % 2 == 0 ? "committed" : "aborted";
            log.Append(TestBatch.Transactional(s_one, i, ("\0\0\0\0", value), ("\0\0\0\u0001", value), ($"own {i}", value)));
            log.AppendMarker(s_one, isCommit: i % 2 == 0);
        }
        Close(log);
        for (var round = 0; round < 5; round++)
        {
            Compact(log);
            log.NowMs += Horizon;
            if (isOnDisk)
                log.Reopen();
            log.ReadCommitted().Where(record => record.Key != "end").Should().OnlyContain(record => record.Value == "committed");
            log.ReadCommitted().Select(record => record.Key).Should().Equal("own 0", "own 2", "\0\0\0\0", "\0\0\0\u0001", "own 4", "end");
        }
    }

    // Redpanda 4ce65523af: markers were deduplicated among themselves, so that one of two aborts in a segment was lost. Here two transactions of different
    // producers are aborted side by side, the log is sealed at every point between their batches and compacted at every one of them, and both producers go on.
    [Theory]
    [MemberData(nameof(Places))]
    public void Museum_C03_MarkersDeduplicated(bool isOnDisk)
    {
        for (var cut = 0; cut <= 8; cut++)
        {
            using var log = New(isOnDisk);
            Action[] steps =
            [
                () => log.Append(TestBatch.Of(("a", "plain"), ("b", "plain"))),
                () => log.Append(TestBatch.Transactional(s_one, 0, ("a", "aborted"))),
                () => log.Append(TestBatch.Transactional(s_two, 0, ("b", "aborted"))),
                () => log.AppendMarker(s_one, isCommit: false),
                () => log.AppendMarker(s_two, isCommit: false),
                () => log.Append(TestBatch.Transactional(s_one, 1, ("a", "committed"))),
                () => log.AppendMarker(s_one, isCommit: true),
                () => log.Append(TestBatch.Transactional(s_two, 1, ("b", "aborted"))),
                () => log.AppendMarker(s_two, isCommit: false),
            ];
            for (var step = 0; step < steps.Length; step++)
            {
                steps[step]();
                if (step != cut)
                    continue;
                Close(log);
                Compact(log);
                log.NowMs += Horizon;
                Compact(log);
            }
            Close(log);
            for (var round = 0; round < 3; round++, log.NowMs += Horizon)
                Compact(log);
            LastOfEach(log).Select(record => (record.Key, record.Value)).Should().BeEquivalentTo([("a", "committed"), ("b", "plain"), ("end", "end")], $"sealed behind step {cut}");
            log.ReadCommitted().Should().NotContain(record => record.Value == "aborted");
        }
    }

    // KAFKA-7467: a control batch without a record threw in loader, cleaner and fetcher. Here such batches stand between data, at the beginning and at the end
    // of a log, and everything that reads batches reads them: cursor, index rebuilding, compaction, search by time; from a client they are refused.
    [Theory]
    [MemberData(nameof(Places))]
    public void Museum_C04_EmptyControlBatch(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(EmptyControl(s_one));
        log.Append(TestBatch.Transactional(s_one, 0, ("k", "aborted")));
        log.Append(EmptyControl(s_two));
        log.AppendMarker(s_one, isCommit: false);
        log.Append(EmptyControl(s_one));
        log.Append(TestBatch.Transactional(s_two, 0, ("k", "committed")));
        log.AppendMarker(s_two, isCommit: true);
        log.Append(EmptyControl(s_two));
        Close(log);
        if (isOnDisk)
        {
            var disk = log.Segments[0].File.Disk;
            foreach (var name in disk.List(TestLog.Directory).Where(name => name.EndsWith("index", StringComparison.Ordinal)))
                disk.Delete(TestLog.Directory + "/" + name);
            log.Reopen().Rebuilt.Should().NotBeEmpty();
        }
        for (var round = 0; round < 4; round++, log.NowMs += Horizon)
        {
            log.ReadCommitted().Where(record => record.Key == "k").Select(record => record.Value).Should().Equal("committed");
            LogSearch.FindByTimestamp(log, 0, 0, log.Limit, isWanted: null, new BatchDecompressor(TestBatch.Codecs, 1 << 20)).Should().NotBeNull();
            Compact(log);
        }
        BatchValidation.DecideHeader(BatchHeader.Read(EmptyControl(s_one)), new BatchRules(), log.NowMs).Should().NotBe(BatchVerdict.Accepted);
    }

    // KAFKA-17076, Redpanda e7a3d54a95 and 55d2ae26b7: compaction removed the last batch, the next offset stepped back at the next start, and consumers polled
    // for ever. Here everything behind the first records can go: the next offset stays over restarts, and a reader gets to the end.
    [Fact]
    public void Museum_C05_LastBatchRemoved()
    {
        var disk = new SimulatedDisk();
        var broker = OpenCompacted(disk);
        var identity = broker.InitProducer("t");
        for (var i = 0; i < 8; i++)
            broker.Append("prices", 0, ("k", $"{i} {new string('x', 9_000)}"));
        for (var i = 0; i < 6; i++)
        {
            broker.AppendIn("t", identity, "prices", 0, 0, ("k", $"aborted {new string('x', 9_000)}"));
            identity = broker.End("t", identity, commit: false).Decision.Identity;
        }
        var end = broker.Find("prices").VisibleMark.LogEnd;
        for (var round = 0; round < 4; round++)
        {
            broker.Engine.Checkpoint();
            broker.Environment.Clock.Advance(TimeSpan.FromDays(2));
            broker.Engine.CompactLogs(broker.NowMs);
            broker.Engine.Checkpoint();
            disk = disk.Crash(round % 2 == 0 ? CrashProfile.LostSectors : CrashProfile.AllSurvive, round);
            broker = StepBroker.Open(disk);
            broker.Find("prices").VisibleMark.LogEnd.Should().Be(end);
            broker.Values("prices").Should().NotContain(value => value.StartsWith("aborted", StringComparison.Ordinal)).And.HaveCountLessThan(8);
            broker.Run(() => ReachEndAsync(broker, end));
        }
        broker.Append("prices", 0, ("k", "next")).Should().Be(end);
    }

    // KAFKA-13194, Redpanda 8c636b6059: cleaning went beyond the stable end, and an undecided record took the place of a committed one. Here k is committed, an
    // open transaction writes it again, over many segments, the log is compacted, and the transaction is aborted: the committed value is there.
    [Fact]
    public void Museum_C06_CleaningBeyondStableEnd()
    {
        var disk = new SimulatedDisk();
        var broker = OpenCompacted(disk);
        broker.Append("prices", 0, ("k", "v1"));
        for (var i = 0; i < 6; i++)
            broker.Append("prices", 0, ("other", $"{i} {new string('x', 9_000)}"));
        var identity = broker.InitProducer("t");
        for (var i = 0; i < 12; i++)
            broker.AppendIn("t", identity, "prices", 0, 2 * i, ("k", $"v2 {new string('x', 9_000)}"), ("other", "undecided"));
        broker.Engine.Checkpoint();
        broker.Engine.CompactLogs(broker.NowMs);
        broker.Find("prices").View.Segments[0].Description.HasHoles.Should().BeTrue("what lies in front of the transaction was compacted");

        broker.End("t", identity, commit: false);
        for (var round = 0; round < 3; round++)
        {
            broker.Read("prices").Where(record => record.Key == "k").Select(record => record.Value).Should().Equal("v1");
            broker.Read("prices")[^1].Value.Should().StartWith("5 ");
            broker.Engine.Checkpoint();
            broker.Engine.CompactLogs(broker.NowMs);
            if (round == 1)
                broker = StepBroker.Open(disk.Crash(CrashProfile.LostSectors, 3));
        }
    }

    // Redpanda f65e2aaae7 and 6a1eab08b6: data kept its transactional flag when its marker was gone, and clients took committed batches for aborted. Here a log
    // is compacted until markers are gone; our own filter, and the rules of the Java client and of librdkafka over the same bytes and list, give the same
    // records.
    [Fact]
    public void Museum_C07_TransactionalFlagWithoutMarker()
    {
        using var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentBytes = 700, IndexIntervalBytes = 100 });
        for (var i = 0; i < 24; i++)
        {
            var producer = i % 2 == 0 ? s_one : s_two;
            var isCommit = i % 3 != 0;
            log.Append(TestBatch.Transactional(producer, 0, ($"k{i % 5}", isCommit ? $"{i}" : "aborted"), ($"only {i}", isCommit ? $"{i}" : "aborted")));
            if (i % 4 == 1)
                log.Append(TestBatch.Of(($"k{i % 5}", $"plain {i}")));
            log.AppendMarker(producer, isCommit);
            if (i % 6 == 5)
                Close(log);
        }
        var markers = log.ReadHeaders().Count(header => header.IsControl);
        for (var round = 0; round < 5; round++, log.NowMs += Horizon)
        {
            var own = log.ReadCommitted();
            own.Should().NotContain(record => record.Value == "aborted");
            ClientRules.ReadAsJava(log).Should().Equal(own);
            ClientRules.ReadAsLibrdkafka(log).Should().Equal(own);
            Compact(log);
        }
        log.ReadHeaders().Count(header => header.IsControl).Should().BeLessThan(markers, "markers have gone, and flags have stayed");
    }

    // KAFKA-8764, 2235, 3894, 6834 and 5316: the cleaner looped for ever over gaps, overflowed its map and its buffer. Here a segment has more keys than the
    // map, a batch has more, one is four times the read buffer, and the log has holes: every pass gets further or says that there is nothing to do, and a
    // handful of passes is enough.
    [Fact]
    public void Museum_C08_EndlessCleaningLoop()
    {
        using var log = New(isOnDisk: true);
        log.Append(TestBatch.Of([.. Enumerable.Range(0, 100).Select(key => ((string?)$"k{key}", (string?)"old"))]));
        for (var key = 0; key < 100; key++)
            log.Append(TestBatch.Of(($"k{key}", "new")));
        log.Append(TestBatch.Of(("large", new string('x', 4 << 20))));
        log.Append(TestBatch.Of(("large", "small")));
        Close(log);
        var expected = LastOfEach(log);
        var (dirty, rounds) = (0L, 0);
        for (; dirty < log.Segments[^1].BaseOffset; rounds++)
        {
            log.Compact(Rules(log) with { KeysMax = 10, FirstDirtyOffset = dirty });
            log.CompactedTo.Should().BeGreaterThan(dirty);
            dirty = log.CompactedTo;
            LastOfEach(log).Should().Equal(expected);
        }
        rounds.Should().BeLessThan(30);
        log.Compact(Rules(log) with { FirstDirtyOffset = dirty }).Should().BeFalse("nothing is left to gain");
        log.ReadAll().Should().HaveCount(102);

        var broker = OpenCompacted(new SimulatedDisk());
        for (var i = 0; i < 30; i++)
            broker.Append("prices", 0, ("k", $"{i} {new string('x', 9_000)}"));
        broker.Engine.Checkpoint();
        for (var pass = 0; pass < 4; pass++)
            broker.Engine.CompactLogs(broker.NowMs);
        var segments = broker.Find("prices").View.Segments.ToArray();
        broker.Engine.CompactLogs(broker.NowMs);
        broker.Find("prices").View.Segments.ToArray().Should().Equal(segments, "an idle log is left alone");
    }

    // The rule about delete horizons: a tombstone is kept long enough for every reader. Here a reader has read the old value, sleeps for a second less than the
    // horizon while the log is compacted again and again, and then still meets the tombstone; a second later it is gone.
    [Theory]
    [MemberData(nameof(Places))]
    public void Museum_C10_TombstoneHorizon(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("k", "v")));
        log.Append(TestBatch.Of(("k", null)));
        Close(log);
        using var paused = new LogCursor(log, 0);
        paused.TryRead(log.Limit, 1, out _).Should().Be(LogRead.Batches);
        paused.NextOffset.Should().Be(1, "it has the value and not yet the tombstone");
        Compact(log).Should().BeTrue("the horizon begins with the first compaction");
        var begun = log.NowMs;
        foreach (var slept in new[] { Horizon / 2, Horizon - 2_000, Horizon - 1_000 })
        {
            log.NowMs = begun + slept;
            Compact(log);
        }
        paused.TryRead(log.Limit, 1, out var batches).Should().Be(LogRead.Batches);
        TestBatch.RecordsIn(batches).Single().Should().Match<TestBatchRecord>(record => record.Key == "k" && record.Value == null);

        log.NowMs = begun + Horizon;
        Compact(log).Should().BeTrue();
        log.ReadAll().Select(record => record.Key).Should().Equal("end");
    }

    private static List<TestBatchRecord> LastOfEach(TestLog log) => [.. log.ReadCommitted().GroupBy(record => record.Key).Select(group => group.Last()).OrderBy(record => record.Offset)];

    private static byte[] EmptyControl(ProducerIdentity producer)
    {
        var rewriter = new BatchRewriter();
        rewriter.Begin(BatchHeader.Read(TestBatch.Marker(producer, isCommit: true)), deleteHorizonMs: null);
        rewriter.Seal(codec: null).RecordCount.Should().Be(0);
        return rewriter.Bytes.ToArray();
    }

    private static StepBroker OpenCompacted(SimulatedDisk disk)
    {
        var broker = StepBroker.Open(disk);
        broker.CreateTopic("prices", topic => (topic.Cleanup, topic.SegmentBytes) = (CleanupPolicy.Compact, 32 << 10));
        return broker;
    }

    private static async Task ReachEndAsync(StepBroker broker, long end)
    {
        await using var consumer = broker.Broker.CreateConsumer(Topic.Create("prices", Serdes.Utf8, Serdes.Utf8)).Build();
        await foreach (var _ in consumer.ReadToEndAsync())
            continue;
        consumer.Position(new TopicPartition("prices", 0)).Should().Be(end);
    }
}
