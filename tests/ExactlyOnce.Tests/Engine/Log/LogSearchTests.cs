using CsCheck;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Engine.Log;

public class LogSearchTests
{
    /// <summary>
    /// Timestamps equal, falling, negative and compressed: the answer is that of a scan, from every start and under every limit, with a good time index and
    /// without.
    /// </summary>
    [Fact]
    public void A_search_by_time_answers_as_a_scan_would()
    {
        var batch = Gen.Select(Gen.Int[0, 40], Gen.Int[1, 4], Gen.Bool, Gen.Int[0, 9]);
        Gen.Select(batch.List[1, 40], Gen.Bool, Gen.Bool).Sample(
            (batches, isOnDisk, isDamaged) =>
            {
                var disk = new MemoryDisk();
                using var log = new TestLog(isOnDisk ? disk : null, new SegmentRules { SegmentBytes = 900, IndexIntervalBytes = 100 });
                foreach (var (time, count, isCompressed, verb) in batches)
                {
                    log.Append(TestBatch.Of(ProducerIdentity.None, -1, false, time, isCompressed ? new GzipCodec() : null, Records(count)));
                    if (verb == 0)
                        log.AppendMarker(new ProducerIdentity(9, 0), isCommit: true);
                    if (verb == 1 && isOnDisk)
                        log.Checkpoint();
                }
                if (isDamaged)
                    Damage(disk, log);
                AssertSameAsScan(log);
            },
            iter: 25);
    }

    [Fact]
    public void Unwanted_batches_are_passed_over()
    {
        using var log = new TestLog(new MemoryDisk());
        log.Append(TestBatch.At(10, ("k", "v")));
        log.Append(TestBatch.Transactional(new ProducerIdentity(1, 0), 0, ("k", "v")));
        log.Append(TestBatch.Sized(1, 1, TestBatch.Epoch2024 + 5));
        log.Checkpoint();

        Find(log, 11, 0, log.Limit).Should().Be(new FoundRecord(1, TestBatch.Epoch2024));
        LogSearch.FindByTimestamp(log, 11, 0, log.Limit, (in header) => !header.IsTransactional, Decompressor())
            .Should().Be(new FoundRecord(2, TestBatch.Epoch2024 + 5));
    }

    private static void AssertSameAsScan(TestLog log)
    {
        var records = log.ReadAll();
        var ends = log.ReadHeaders().Select(h => h.NextOffset).Prepend(0).ToList();
        for (var time = -1; time <= 45; time += 2)
        {
            foreach (var limit in ends.Where((_, i) => i % 3 == 0).Append(log.Limit))
            {
                for (var from = 0L; from < log.Limit; from += 7)
                {
                    var expected = records.FirstOrDefault(r => r.TimestampMs >= time && r.Offset >= from && r.Offset < limit);
                    var found = Find(log, time, from, limit);
                    if (found != (expected is null ? null : new FoundRecord(expected.Offset, expected.TimestampMs)))
                        Assert.Fail($"From {from} below {limit} at {time}: {expected} found as {found}.");
                }
            }
        }
    }

    private static FoundRecord? Find(TestLog log, long timestampMs, long from, long limit) =>
        LogSearch.FindByTimestamp(log, timestampMs, from, limit, isWanted: null, Decompressor());

    private static BatchDecompressor Decompressor() => new(TestBatch.Codecs, 1 << 20);

    private static void Damage(MemoryDisk disk, TestLog log)
    {
        foreach (var segment in log.Segments.Where(s => s.Description.TimeIndexLength > 0))
            LogCursorTests.Flip(disk, segment.File.PathOf(".timeindex"), segment.Description.TimeIndexLength / 2);
    }

    private static (string?, string?)[] Records(int count) => [.. Enumerable.Repeat(((string?)"key", (string?)new string('v', 30)), count)];
}
