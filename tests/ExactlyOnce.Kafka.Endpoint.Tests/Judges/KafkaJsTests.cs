namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>kafkajs: pure JavaScript, versions of the protocol from before the flexible ones.</summary>
public sealed class KafkaJsTests() : JudgeTest(Judge.KafkaJs)
{
    [JudgeFact(Judge.KafkaJs)]
    public Task Keys_values_headers_timestamps_and_tombstones_arrive() => WritesAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task An_idempotent_producers_records_are_in_order_and_signed() => IsIdempotentAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task Gzip_is_stored_as_it_came_and_read_by_both_sides() => CompressesAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task Consumed_transformed_and_produced_in_transactions_each_record_comes_out_once() => TransformsAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task A_zombie_producer_is_fenced_and_its_record_never_seen() => FencesAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task Each_isolation_level_shows_what_it_may() => SeesWhatItsIsolationAllowsAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task Topics_configurations_and_groups_are_administrated() => AdministratesAsync();
}
