using CsCheck;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Engine.Log;

public class LatestSearchTests
{
    private static readonly SegmentRules s_rules = new() { SegmentBytes = 900, IndexIntervalBytes = 100 };

    /// <summary>Whatever the times, from every start, batches' middles included, under every limit, and whichever batches are not wanted.</summary>
    [Fact]
    public void The_largest_timestamp_is_that_of_a_scan()
    {
        var batch = Gen.Select(Gen.Int[0, 40], Gen.Int[1, 4], Gen.Bool, Gen.Int[0, 9]);
        Gen.Select(batch.List[1, 30], Gen.Bool, Gen.Int[2, 5]).Sample(
            (batches, isOnDisk, unwanted) =>
            {
                using var log = new TestLog(isOnDisk ? new MemoryDisk() : null, s_rules);
                foreach (var (time, count, isCompressed, verb) in batches)
                {
                    var records = Enumerable.Repeat(((string?)"k", (string?)"v"), count).ToArray();
                    log.Append(TestBatch.Of(ProducerIdentity.None, -1, false, time, isCompressed ? new GzipCodec() : null, records));
                    if (verb == 0)
                        log.AppendMarker(new ProducerIdentity(9, 0), isCommit: true);
                    if (verb == 1 && isOnDisk)
                        log.Checkpoint();
                }
                bool IsWanted(in BatchHeader header) => header.BaseOffset % unwanted != 0;
                AssertSameAsScan(log, IsWanted);
            },
            iter: 40);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Looking_for_it_takes_the_headers_of_few_batches_however_long_the_log_is(bool isOnDisk)
    {
        using var log = new TestLog(isOnDisk ? new MemoryDisk() : null, new SegmentRules { SegmentBytes = 4_000, IndexIntervalBytes = 400 });
        for (var i = 0; i < 4_000; i++)
        {
            log.Append(TestBatch.At(TestBatch.Epoch2024 + i, ("k", "v")));
            if (isOnDisk && i % 10 == 9)
                log.Checkpoint();
        }
        var looked = 0;
        bool IsWanted(in BatchHeader header)
        {
            looked++;
            return true;
        }

        LatestSearch.Find(log, 0, log.Limit, IsWanted, Decompressor()).Should().Be(new FoundRecord(3_999, TestBatch.Epoch2024 + 3_999));

        if (isOnDisk)
            looked.Should().BeLessThan(5, "segments know their largest timestamp, and where it is");
        else
            looked.Should().BeLessThan(4_000, "closed chunks know theirs");
    }

    private static void AssertSameAsScan(TestLog log, BatchFilter isWanted)
    {
        var headers = log.ReadHeaders();
        var hidden = headers.Where(header => header.IsControl || !isWanted(header)).ToList();
        var records = log.ReadAll().Where(record => !hidden.Exists(header => record.Offset >= header.BaseOffset && record.Offset < header.NextOffset)).ToList();
        foreach (var limit in headers.Select(header => header.NextOffset))
            for (var from = 0L; from < log.Limit; from += 3)
            {
                var seen = records.Where(record => record.Offset >= from && record.Offset < limit).ToList();
                var expected = seen.Count == 0 ? null : seen.MaxBy(record => record.TimestampMs);
                var found = LatestSearch.Find(log, from, limit, isWanted, Decompressor());
                if (found?.Offset != expected?.Offset || found?.TimestampMs != expected?.TimestampMs)
                    Assert.Fail($"From {from} to {limit}: found {found}, expected {expected}.");
            }
    }

    private static BatchDecompressor Decompressor() => new(TestBatch.Codecs, 1 << 20);
}
