namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>kafka-python: pure Python, old versions of the protocol, no idempotence, no transactions.</summary>
public sealed class KafkaPythonTests() : JudgeTest(Judge.KafkaPython)
{
    [JudgeFact(Judge.KafkaPython)]
    public Task Keys_values_headers_timestamps_and_tombstones_arrive() => WritesAsync();

    [JudgeFact(Judge.KafkaPython)]
    public Task Gzip_is_stored_as_it_came_and_read_by_both_sides() => CompressesAsync();

    [JudgeFact(Judge.KafkaPython)]
    public Task It_sees_all_records_as_it_knows_read_uncommitted_only() => SeesWhatItsIsolationAllowsAsync(canReadCommitted: false);

    [JudgeFact(Judge.KafkaPython)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();

    [JudgeFact(Judge.KafkaPython)]
    public Task Topics_configurations_and_groups_are_administrated() => AdministratesAsync(deletesRecords: false);
}
