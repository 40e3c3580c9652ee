using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>confluent-kafka for Python: librdkafka of Debian's age.</summary>
public sealed class ConfluentPythonTests() : JudgeTest(Judge.ConfluentPython)
{
    [JudgeFact(Judge.ConfluentPython)]
    public Task Keys_values_headers_timestamps_and_tombstones_arrive() => WritesAsync();

    [JudgeFact(Judge.ConfluentPython)]
    public Task An_idempotent_producers_records_are_in_order_and_signed() => IsIdempotentAsync();

    [JudgeTheory(Judge.ConfluentPython)]
    [InlineData(CompressionType.Gzip), InlineData(CompressionType.Snappy), InlineData(CompressionType.Lz4), InlineData(CompressionType.Zstd)]
    public Task What_is_compressed_is_stored_as_it_came_and_read_by_both_sides(CompressionType compression) => CompressesAsync(compression);

    [JudgeFact(Judge.ConfluentPython)]
    public Task Consumed_transformed_and_produced_in_transactions_each_record_comes_out_once() => TransformsAsync();

    [JudgeFact(Judge.ConfluentPython)]
    public Task A_zombie_producer_is_fenced_and_its_record_never_seen() => FencesAsync();

    [JudgeFact(Judge.ConfluentPython)]
    public Task Each_isolation_level_shows_what_it_may() => SeesWhatItsIsolationAllowsAsync();

    [JudgeFact(Judge.ConfluentPython)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();

    [JudgeFact(Judge.ConfluentPython)]
    public Task Topics_configurations_and_groups_are_administrated() => AdministratesAsync(deletesGroups: false, deletesRecords: false);
}
