using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>kcat, which is librdkafka in a shell.</summary>
public sealed class KcatTests() : JudgeTest(Judge.Kcat)
{
    [JudgeFact(Judge.Kcat)]
    public Task Keys_values_headers_and_tombstones_arrive() => WritesAsync(withTimestamps: false);

    [JudgeFact(Judge.Kcat)]
    public Task An_idempotent_producers_records_are_in_order_and_signed() => IsIdempotentAsync();

    [JudgeTheory(Judge.Kcat)]
    [InlineData(CompressionType.Gzip), InlineData(CompressionType.Snappy), InlineData(CompressionType.Lz4), InlineData(CompressionType.Zstd)]
    public Task What_is_compressed_is_stored_as_it_came_and_read_by_both_sides(CompressionType compression) => CompressesAsync(compression);

    [JudgeFact(Judge.Kcat)]
    public Task Each_isolation_level_shows_what_it_may() => SeesWhatItsIsolationAllowsAsync();

    [JudgeFact(Judge.Kcat)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();
}
