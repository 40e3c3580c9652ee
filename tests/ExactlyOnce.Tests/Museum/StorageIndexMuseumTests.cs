using CsCheck;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Log;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Family S: indexes, timestamps, offsets and sizes at their limits.</summary>
public sealed class StorageIndexMuseumTests
{
    private const long Year9999 = 253_402_300_799_999;

    // KAFKA-9156 and KAFKA-12734: an index made at first use was made twice by two threads, and their buffers disagreed. Here a segment's file is opened at
    // first use: 8 threads use it for the first time at once, open it once, and all find every position.
    [Fact]
    public void Museum_S12_LazyIndexCreatedTwice()
    {
        const int Threads = 8;
        var disk = new WatchedDisk(new MemoryDisk());
        using var log = new TestLog(disk, new SegmentRules { IndexIntervalBytes = 100 });
        for (var i = 0; i < 64; i++)
            log.Append(TestBatch.Sized(1, 100));
        log.Checkpoint();
        var segment = log.Segments[0];
        var size = segment.LogLength / 64;
        for (var round = 0; round < 50; round++)
        {
            var before = disk.OpensOf(".log");
            using var together = new Barrier(Threads);
            var wrong = 0;
            var threads = Enumerable.Range(0, Threads).Select(number => new Thread(() =>
            {
                together.SignalAndWait();
                var isLeased = segment.File.TryLease();
                for (var offset = number; offset < 64; offset += Threads)
                    if (!isLeased || segment.FindPosition(offset) != offset * size)
                        Interlocked.Increment(ref wrong);
                together.SignalAndWait();
                segment.File.Release();
            })).ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());

            wrong.Should().Be(0);
            disk.OpensOf(".log").Should().Be(before + 1);
        }
    }

    // KAFKA-10207: a preallocated time index was not trimmed after a crash, its last timestamp read as zero, and retention deleted fresh data at once. Here the
    // indexes end in zeros, or are all zeros, after a crash: retention right after the start deletes nothing that is younger than the limit, and what is older
    // goes in its time.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Museum_S13_ZeroPaddedTimeIndex(bool isAllZeros)
    {
        var disk = new SimulatedDisk();
        var broker = StepBroker.Open(disk);
        broker.CreateTopic("orders", topic => (topic.SegmentBytes, topic.RetainFor) = (32 << 10, TimeSpan.FromHours(1)));
        for (var i = 0; i < 12; i++)
            broker.Append("orders", 0, ("k", $"{i} {new string('x', 8_000)}"));
        broker.Engine.Checkpoint();
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        var indexes = StepBroker.FilesOn(disk).Where(path => path.EndsWith("index", StringComparison.Ordinal)).ToList();
        indexes.Count.Should().BeGreaterThan(4);
        foreach (var path in indexes)
            StepBroker.Overwrite(disk, path, isAllZeros ? 0 : disk.ReadAll(path).Length, new byte[4_096]);

        broker = StepBroker.Open(disk);
        broker.Environment.Clock.Advance(TimeSpan.FromMinutes(59));
        broker.Engine.ApplyRetention(broker.NowMs);
        broker.Values("orders").Should().HaveCount(12);
        broker.Environment.Clock.Advance(TimeSpan.FromMinutes(2));
        broker.Engine.ApplyRetention(broker.NowMs);
        broker.Values("orders").Count.Should().BeLessThan(8);
    }

    // KAFKA-19407: an entry of the time index that was not larger than the last one took the log offline, in a race of readers with a roll. Here timestamps are
    // equal, falling, absent, the smallest there is and of the year 9999, over many rolls; then somebody searches by time while segments roll.
    [Fact]
    public async Task Museum_S14_TimeIndexNotLargerThanLast()
    {
        using var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentBytes = 250, IndexIntervalBytes = 60 });
        long[] times = [5, 5, 3, -1, long.MinValue, Year9999, Year9999, 7, long.MinValue, -1, 0, Year9999 + 1, 2, 2];
        foreach (var time in times.Concat(times))
        {
            log.Append(TestBatch.At(time, ("k", new string('v', 40))));
            log.Checkpoint();
        }
        AssertTimeIndexesAscend(log);
        log.Reopen().Rebuilt.Should().BeEmpty();
        var records = log.ReadAll();
        foreach (var time in times.Append(1).Append(Year9999 + 2))
        {
            var expected = records.FirstOrDefault(record => record.TimestampMs >= time);
            Find(log, time)?.Offset.Should().Be(expected?.Offset, $"of the search for {time}");
        }
        await SearchWhileRollingAsync();
    }

    // KAFKA-16310, 16341 and 16342: the offset of the largest timestamp was the batch's last record in some paths and its first in others. Here random logs,
    // compressed or not, of both timestamp types and with several records of equal time, in memory and on disk: the search by any time, the largest included,
    // answers as a scan does.
    [Fact]
    public void Museum_S15_LargestTimestampQuery()
    {
        var batch = Gen.Select(Gen.Int[0, 12], Gen.Int[1, 4], Gen.Bool);
        Gen.Select(batch.List[1, 24], Gen.Bool, Gen.Bool).Sample(
            (batches, isAppendTime, isOnDisk) =>
            {
                var broker = isOnDisk ? StepBroker.Open(new SimulatedDisk()) : StepBroker.InMemory();
                broker.CreateTopic("orders", topic => (topic.TimestampType, topic.SegmentBytes) =
                    (isAppendTime ? TimestampType.LogAppendTime : TimestampType.CreateTime, 16 << 10));
                foreach (var (time, count, isCompressed) in batches)
                {
                    broker.Environment.Clock.Advance(TimeSpan.FromMilliseconds(time % 3));
                    var records = Enumerable.Repeat(((string?)"k", (string?)new string('v', 3_000)), count).ToArray();
                    broker.TryAppend("orders", 0, TestBatch.Of(ProducerIdentity.None, -1, false, TestBatch.Epoch2024 + time, isCompressed ? new GzipCodec() : null, records))
                        .Error.Should().Be(ErrorCode.None);
                }
                if (isOnDisk)
                    broker.Engine.Checkpoint();
                AssertSearchesAsScan(broker);
            },
            iter: 40);
    }

    // KAFKA-5413, 6264, 4451, 6530 and 12889: relative offsets of 32 bits overflowed in sparse logs, and empty segments piled up. Here offsets jump by 2^31 −
    // 1, 2^31 and 2^32, before and by compaction: every segment's offsets fit its base, none is empty, and every record is found by its offset, after reopening
    // too.
    [Fact]
    public void Museum_S16_RelativeOffsetOverflow()
    {
        var disk = new MemoryDisk();
        disk.CreateDirectory(TestLog.Directory);
        long[] offsets = [0, 1, 1L + int.MaxValue, 2L + int.MaxValue, 2L + int.MaxValue + (1L << 31), 10L + (1L << 33), 10L + (1L << 33) + int.MaxValue, 1L << 35];
        var rules = new SegmentRules { IndexIntervalBytes = 1 };
        var segments = WriteSparse(disk, rules, offsets);
        segments.Length.Should().BeGreaterThan(3);
        AssertFits(segments, offsets);

        var view = new PartitionView(segments, null, segments[^1].NextOffset, 0, new AbortedList(), 0);
        var compacted = Compaction.OfSegments(
            CompactionRange.OfSegments(view, segments[^1].NextOffset), new CompactionRules { NowMs = 0, DeleteRetentionMs = 0, Segments = rules }, new Dictionary<long, ProducerTrace>(), TestBatch.Codecs)!;
        compacted.Segments.Count.Should().BeLessThanOrEqualTo(segments.Length);
        var last = offsets.GroupBy(offset => offset % 3).Select(group => group.Last()).Order().ToArray();
        AssertFits(compacted.Segments, last);
        AssertFits(LogDirectory.Open(disk, TestLog.Directory, [.. compacted.Segments.Select(segment => segment.Description)], rules).Segments, last);
    }

    // KAFKA-1670 and KAFKA-5584: a segment size near the largest int corrupted the log, and a sum of sizes overflowed. Here sizes outside the bounds are
    // refused, a segment that would grow past 2^31 − 1 bytes is rolled, and retention counts more than 8 GiB.
    [Fact]
    public void Museum_S17_SegmentSizeNearIntMax()
    {
        var broker = StepBroker.InMemory();
        foreach (var size in new[] { int.MinValue, -1, 0, 1_023 })
            broker.Invoking(now => now.CreateTopic("small", topic => topic.SegmentBytes = size)).Should().Throw<InvalidRequestException>();
        broker.CreateTopic("large", topic => topic.SegmentBytes = int.MaxValue);

        var disk = new MemoryDisk();
        disk.CreateDirectory(TestLog.Directory);
        using var writer = SegmentWriter.Create(disk, TestLog.Directory, 0, hasHoles: false, new SegmentRules { SegmentBytes = long.MaxValue });
        writer.Add(new BatchHeader { SizeInBytes = 1 << 30 }, 0);
        writer.MustRollBefore(new BatchHeader { BaseOffset = 1, SizeInBytes = (1 << 30) - 1 }, 0).Should().BeFalse("2^31 − 1 bytes are addressed by an int");
        writer.MustRollBefore(new BatchHeader { BaseOffset = 1, SizeInBytes = 1 << 30 }, 0).Should().BeTrue();

        var segments = Enumerable.Range(0, 5).Select(number => new LogSegment(
            new SegmentFile(disk, TestLog.Directory, new SegmentName(number, 0)),
            new SegmentDescription { Name = new SegmentName(number, 0), NextOffset = number + 1, LogLength = int.MaxValue, IsSealed = true, LastAppendMs = 0 }, [])).ToArray();
        var view = new PartitionView(segments, null, 5, 0, new AbortedList(), 0);
        Retention.PlanLogStart(view, 5, 5, new RetentionLimits(-1, 3L * int.MaxValue), nowMs: 0).Should().Be(2);
        Retention.PlanLogStart(view, 5, 5, new RetentionLimits(-1, 5L * int.MaxValue), nowMs: 0).Should().Be(0);
    }

    // KAFKA-3047: a client could choose the offsets of what it appended. Here batches come with a lower, an equal, a huge and a negative base offset: the rules
    // for what comes from outside refuse them, an append of the own process gets the log's next offset whatever it says, and a replayed frame that leaves a gap
    // is refused.
    [Fact]
    public void Museum_S18_ExplicitOffsetsAccepted()
    {
        var broker = StepBroker.InMemory();
        broker.CreateTopic("orders");
        for (var next = 0L; next < 3; next++)
        {
            foreach (var claimed in new[] { next - 1, next, next + 5, long.MaxValue - 1, long.MinValue })
            {
                var batch = TestBatch.Of(("k", "v"));
                System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(batch, claimed);
                if (claimed != 0)
                    BatchValidation.Decide(batch, new BatchRules(), broker.NowMs, broker.Engine.Decompressor()).Verdict.Should().Be(claimed < 0 ? BatchVerdict.Malformed : BatchVerdict.BaseOffsetNotZero);
                if (claimed != next)
                    broker.Find("orders").Invoking(partition => partition.Replay(PartitionPiece.Batch, batch, broker.Engine.Journal.AppendedLsn + 1, 0))
                        .Should().Throw<InvalidDataException>();
            }
            var bytes = TestBatch.Of(("k", "v"));
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, 1_000_000);
            broker.TryAppend("orders", 0, bytes).BaseOffset.Should().Be(next);
        }
        broker.Read("orders").Select(record => record.Offset).Should().Equal(0, 1, 2);
    }

    private static void AssertTimeIndexesAscend(TestLog log)
    {
        foreach (var segment in log.Segments.Where(segment => segment.Description.TimeIndexLength > 0))
        {
            var index = WholeFile.Read(segment.File.Disk, segment.File.PathOf(SegmentName.TimeIndexSuffix));
            var entries = Enumerable.Range(0, index.Length / TimeIndex.EntrySize).Select(number =>
                System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(index.AsSpan(number * TimeIndex.EntrySize))).ToList();
            entries.Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
        }
    }

    private static async Task SearchWhileRollingAsync()
    {
        using var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentBytes = 300, IndexIntervalBytes = 60 });
        log.Append(TestBatch.At(0, ("k", "0")));
        using var stop = new CancellationTokenSource();
        var searching = Task.Run(() =>
        {
            var searches = 0;
            while (!stop.IsCancellationRequested || searches == 0)
            {
                var end = log.Limit;
                for (var time = 0L; time < end; time += 7, searches++)
                    if (LogSearch.FindByTimestamp(log, time, 0, end, isWanted: null, new BatchDecompressor(TestBatch.Codecs, 1 << 20))?.Offset != time)
                        throw new InvalidOperationException($"The record of time {time} was not found below {end}.");
            }
            return searches;
        });
        for (var time = 1; time < 600; time++)
        {
            log.Append(TestBatch.At(time, ("k", $"{time}")));
            if (time % 2 == 0)
                log.Checkpoint();
        }
        await stop.CancelAsync();
        (await searching).Should().BePositive();
        log.Segments.Count.Should().BeGreaterThan(50);
    }

    private static FoundRecord? Find(TestLog log, long timestampMs) =>
        LogSearch.FindByTimestamp(log, timestampMs, 0, log.Limit, isWanted: null, new BatchDecompressor(TestBatch.Codecs, 1 << 20));

    private static void AssertSearchesAsScan(StepBroker broker)
    {
        var records = new List<TestBatchRecord>();
        using (var cursor = new PartitionCursor(broker.Find("orders"), 0, IsolationLevel.ReadCommitted))
            while (cursor.TryRead(1 << 20, out var run) == CursorStatus.Read)
                records.AddRange(TestBatch.RecordsIn(run));
        var partition = broker.Broker.Backend.GetPartition(new TopicPartition("orders", 0));
        var largest = records.Max(record => record.TimestampMs);
        partition.FindOffset(largest, IsolationLevel.ReadCommitted).Should().Be(records.First(record => record.TimestampMs == largest).Offset);
        partition.FindOffset(largest + 1, IsolationLevel.ReadCommitted).Should().BeNull();
        partition.FindLargestTimestamp(IsolationLevel.ReadCommitted)!.Value.Offset.Should().Be(records.First(record => record.TimestampMs == largest).Offset);
        foreach (var time in records.Select(record => record.TimestampMs).Distinct().SelectMany(time => new[] { time - 1, time, time + 1 }))
            if (partition.FindOffset(time, IsolationLevel.ReadCommitted) != records.FirstOrDefault(record => record.TimestampMs >= time)?.Offset)
                Assert.Fail($"The search for {time} does not answer as a scan would.");
    }

    /// <summary>One record at each offset, rolled where a writer must.</summary>
    private static LogSegment[] WriteSparse(MemoryDisk disk, SegmentRules rules, long[] offsets)
    {
        var segments = new List<LogSegment>();
        SegmentWriter? writer = null;
        foreach (var offset in offsets)
        {
            var batch = TestBatch.Of(($"k{offset % 3}", $"{offset}"));
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(batch, offset);
            var header = BatchHeader.Read(batch);
            if (writer is not null && writer.MustRollBefore(header, 0))
            {
                segments.Add(writer.Finish(offset, seal: true));
                writer.Dispose();
                writer = null;
            }
            writer ??= SegmentWriter.Create(disk, TestLog.Directory, offset, hasHoles: true, rules);
            writer.Add(header, 0);
            writer.Write(batch);
        }
        segments.Add(writer!.Finish(offsets[^1] + 1, seal: true));
        writer.Dispose();
        return [.. segments];
    }

    private static void AssertFits(IReadOnlyList<LogSegment> segments, long[] offsets)
    {
        foreach (var segment in segments)
            segment.LogLength.Should().BePositive("an empty segment is of no use");
        var view = new PartitionView([.. segments], null, segments[^1].NextOffset, 0, new AbortedList(), 0);
        using var cursor = new LogCursor(view, 0);
        var found = new List<long>();
        while (cursor.TryRead(segments[^1].NextOffset, 1, out var batch) == LogRead.Batches)
        {
            var header = BatchHeader.Read(batch.Span);
            found.Add(header.BaseOffset);
            var home = segments.Last(segment => segment.BaseOffset <= header.BaseOffset);
            (header.LastOffset - home.BaseOffset).Should().BeLessThanOrEqualTo(int.MaxValue);
        }
        found.Should().Equal(offsets);
        foreach (var offset in offsets)
        {
            cursor.Seek(offset);
            cursor.TryRead(segments[^1].NextOffset, 1, out var batch).Should().Be(LogRead.Batches);
            BatchHeader.Read(batch.Span).BaseOffset.Should().Be(offset);
        }
    }
}
