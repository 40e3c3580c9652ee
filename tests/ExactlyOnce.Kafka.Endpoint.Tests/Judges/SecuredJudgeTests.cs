namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

public sealed class SecuredKcatTests() : SecuredJudgeTest(Judge.Kcat)
{
    [JudgeFact(Judge.Kcat)]
    public Task Records_arrive() => WritesAsync(withTimestamps: false);

    [JudgeFact(Judge.Kcat)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();
}

public sealed class SecuredKafkaPythonTests() : SecuredJudgeTest(Judge.KafkaPython)
{
    [JudgeFact(Judge.KafkaPython)]
    public Task Records_arrive() => WritesAsync();

    [JudgeFact(Judge.KafkaPython)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();
}

public sealed class SecuredConfluentPythonTests() : SecuredJudgeTest(Judge.ConfluentPython)
{
    [JudgeFact(Judge.ConfluentPython)]
    public Task Records_arrive() => WritesAsync();

    [JudgeFact(Judge.ConfluentPython)]
    public Task Consumed_transformed_and_produced_in_transactions_each_record_comes_out_once() => TransformsAsync();

    [JudgeFact(Judge.ConfluentPython)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();
}

public sealed class SecuredKafkaJsTests() : SecuredJudgeTest(Judge.KafkaJs)
{
    [JudgeFact(Judge.KafkaJs)]
    public Task Records_arrive() => WritesAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task Consumed_transformed_and_produced_in_transactions_each_record_comes_out_once() => TransformsAsync();

    [JudgeFact(Judge.KafkaJs)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();
}

public sealed class SecuredPlatformaticTests() : SecuredJudgeTest(Judge.Platformatic)
{
    [JudgeFact(Judge.Platformatic)]
    public Task Records_arrive() => WritesAsync();

    [JudgeFact(Judge.Platformatic)]
    public Task Consumed_transformed_and_produced_in_transactions_each_record_comes_out_once() => TransformsAsync();

    [JudgeFact(Judge.Platformatic)]
    public Task Members_share_the_partitions_and_take_over_from_one_that_leaves() => SharesPartitionsAsync();
}
