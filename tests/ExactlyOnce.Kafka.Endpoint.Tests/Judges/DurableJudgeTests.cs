namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

public sealed class DurableKcatTests() : DurableJudgeTest(Judge.Kcat)
{
    [JudgeFact(Judge.Kcat)]
    public Task Records_outlive_the_broker() => OutlivesAsync(() => WritesAsync(withTimestamps: false), "orders");

    /// <summary>kcat itself ends when its broker goes.</summary>
    [JudgeFact(Judge.Kcat)]
    public Task What_a_group_has_read_outlives_the_broker() => OutlivesAsync(() => SharesPartitionsAsync(), "in");
}

public sealed class DurableKafkaPythonTests() : DurableJudgeTest(Judge.KafkaPython)
{
    [JudgeFact(Judge.KafkaPython)]
    public Task Records_outlive_the_broker() => OutlivesAsync(() => WritesAsync(), "orders");

    [JudgeFact(Judge.KafkaPython)]
    public Task Members_go_on_behind_a_restart_and_take_over_from_one_that_leaves() => SharesPartitionsAsync(restarts: true);
}

public sealed class DurableConfluentPythonTests() : DurableJudgeTest(Judge.ConfluentPython)
{
    [JudgeFact(Judge.ConfluentPython)]
    public Task Records_outlive_the_broker() => OutlivesAsync(() => WritesAsync(), "orders");

    [JudgeFact(Judge.ConfluentPython)]
    public Task Transactions_outlive_the_broker() => OutlivesAsync(TransformsAsync, "out");

    [JudgeFact(Judge.ConfluentPython)]
    public Task Members_go_on_behind_a_restart_and_take_over_from_one_that_leaves() => SharesPartitionsAsync(restarts: true);
}

public sealed class DurableKafkaJsTests() : DurableJudgeTest(Judge.KafkaJs)
{
    [JudgeFact(Judge.KafkaJs)]
    public Task Records_outlive_the_broker() => OutlivesAsync(() => WritesAsync(), "orders");

    [JudgeFact(Judge.KafkaJs)]
    public Task Transactions_outlive_the_broker() => OutlivesAsync(TransformsAsync, "out");

    [JudgeFact(Judge.KafkaJs)]
    public Task Members_go_on_behind_a_restart_and_take_over_from_one_that_leaves() => SharesPartitionsAsync(restarts: true);
}

public sealed class DurablePlatformaticTests() : DurableJudgeTest(Judge.Platformatic)
{
    [JudgeFact(Judge.Platformatic)]
    public Task Records_outlive_the_broker() => OutlivesAsync(() => WritesAsync(), "orders");

    [JudgeFact(Judge.Platformatic)]
    public Task Transactions_outlive_the_broker() => OutlivesAsync(TransformsAsync, "out");

    [JudgeFact(Judge.Platformatic)]
    public Task Members_go_on_behind_a_restart_and_take_over_from_one_that_leaves() => SharesPartitionsAsync(restarts: true);
}
