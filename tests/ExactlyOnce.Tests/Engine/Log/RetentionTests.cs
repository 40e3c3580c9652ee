using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Engine.Log;

public class RetentionTests
{
    private const long Forever = -1;
    private static readonly int s_batchBytes = TestBatch.Sized(1, 1000).Length;

    [Fact]
    public void Segments_go_when_their_youngest_record_is_older_than_the_limit()
    {
        using var log = Days(5);
        // The records of day n are n days old at day 0 plus n.
        Plan(log, new RetentionLimits(Ms(2), Forever), day: 4).Should().Be(2, "days 0 and 1 are older than two days, day 2 is exactly two");
        Plan(log, new RetentionLimits(Ms(2), Forever), day: 4, afterMs: 1).Should().Be(3);
        Plan(log, new RetentionLimits(Ms(20), Forever), day: 4).Should().Be(0);
        Plan(log, new RetentionLimits(Forever, Forever), day: 400).Should().Be(0);
    }

    [Fact]
    public void When_all_is_old_all_goes()
    {
        using var log = Days(5);
        Plan(log, new RetentionLimits(Ms(2), Forever), day: 40).Should().Be(5);
    }

    [Fact]
    public void A_record_dated_into_the_future_does_not_pin_its_segment()
    {
        using var log = new TestLog(new MemoryDisk(), OneBatchASegment);
        log.Append(TestBatch.Sized(1, 1000, TestBatch.Epoch2024 + Ms(10_000)));
        log.Append(TestBatch.Sized(1, 1000));
        log.Checkpoint();

        Plan(log, new RetentionLimits(Ms(2), Forever), day: 3).Should().Be(2);
    }

    [Fact]
    public void Records_without_a_timestamp_age_from_their_append()
    {
        using var log = new TestLog(new MemoryDisk(), OneBatchASegment);
        log.Append(TestBatch.Sized(1, 1000, timestampMs: -1));
        log.Checkpoint();

        Plan(log, new RetentionLimits(Ms(2), Forever), day: 1).Should().Be(0);
        Plan(log, new RetentionLimits(Ms(2), Forever), day: 3).Should().Be(1);
    }

    [Fact]
    public void By_size_at_least_the_limit_is_kept()
    {
        using var log = Days(5);
        for (var batches = 0; batches <= 6; batches++)
        {
            Plan(log, new RetentionLimits(Forever, batches * s_batchBytes), day: 0).Should().Be(Math.Max(0, 5 - batches));
            Plan(log, new RetentionLimits(Forever, (batches * s_batchBytes) + 1), day: 0).Should().Be(Math.Max(0, 5 - batches - 1));
        }
    }

    [Fact]
    public void Nothing_at_or_above_the_safe_offset_goes_so_an_open_transaction_keeps_its_data()
    {
        using var log = new TestLog(new MemoryDisk(), OneBatchASegment);
        log.Append(TestBatch.Sized(1, 1000));
        log.Append(TestBatch.Transactional(new ProducerIdentity(1, 0), 0, ("k", new string('v', 1000))));
        log.Append(TestBatch.Sized(1, 1000));
        log.Checkpoint();

        Retention.PlanLogStart(log.View, log.Limit, log.LastStable, new RetentionLimits(0, 0), log.NowMs + Ms(9)).Should().Be(1);
        log.AppendMarker(new ProducerIdentity(1, 0), isCommit: true);
        Retention.PlanLogStart(log.View, log.Limit, log.LastStable, new RetentionLimits(0, 0), log.NowMs + Ms(9)).Should().Be(4);
    }

    [Fact]
    public void Retention_only_moves_forward_and_stops_at_the_first_segment_that_must_stay()
    {
        using var log = new TestLog(new MemoryDisk(), OneBatchASegment);
        log.Append(TestBatch.Sized(1, 1000));
        log.NowMs += Ms(8);
        log.Append(TestBatch.Sized(1, 1000, log.NowMs));
        log.Append(TestBatch.Sized(1, 1000));
        log.Checkpoint();
        Retention.PlanLogStart(log.View, log.Limit, log.Limit, new RetentionLimits(Ms(2), Forever), log.NowMs).Should().Be(1, "offset 2 is old but lies behind a young one");

        log.MoveLogStart(2);
        Retention.PlanLogStart(log.View, log.Limit, log.Limit, new RetentionLimits(Forever, Forever), log.NowMs).Should().Be(2);
    }

    [Fact]
    public void In_memory_chunks_go_as_segments_do()
    {
        using var log = new TestLog(null);
        for (var i = 0; i < 400; i++)
            log.Append(TestBatch.Sized(1, 1000));
        var before = log.Pool.RentedBytes;
        var start = Retention.PlanLogStart(log.View, log.Limit, log.Limit, new RetentionLimits(Forever, 100 * s_batchBytes), log.NowMs);
        start.Should().BeInRange(100, 300);
        log.MoveLogStart(start);

        log.Tail.SizeInBytes.Should().BeGreaterThanOrEqualTo(100 * s_batchBytes);
        log.Pool.RentedBytes.Should().BeLessThan(before);
        log.ReadAll().Select(r => r.Offset).Should().Equal(Enumerable.Range((int)start, 400 - (int)start).Select(i => (long)i));
    }

    [Fact]
    public void What_is_in_a_file_and_still_in_a_chunk_counts_once()
    {
        using var log = new TestLog(new MemoryDisk(), OneBatchASegment);
        for (var i = 0; i < 3; i++)
            log.Append(TestBatch.Sized(1, 1000));
        log.Checkpoint(to: 2);
        log.View.FirstChunk!.BaseOffset.Should().Be(0, "the chunk also holds what the files do not");

        Plan(log, new RetentionLimits(Forever, 3 * s_batchBytes), day: 0).Should().Be(0);
    }

    private static SegmentRules OneBatchASegment => new() { SegmentBytes = 1 };

    private static TestLog Days(int count)
    {
        var log = new TestLog(new MemoryDisk(), OneBatchASegment);
        for (var day = 0; day < count; day++)
        {
            log.NowMs = TestBatch.Epoch2024 + Ms(day);
            log.Append(TestBatch.Sized(1, 1000, log.NowMs));
            log.Checkpoint();
        }
        return log;
    }

    private static long Plan(TestLog log, RetentionLimits limits, int day, long afterMs = 0) =>
        Retention.PlanLogStart(log.View, log.Limit, log.Limit, limits, TestBatch.Epoch2024 + Ms(day) + afterMs);

    private static long Ms(int days) => days * 86_400_000L;
}
