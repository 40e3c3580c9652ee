using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Kills;

/// <summary>A pipeline that copies one topic to another. Its transactions are committed by the pipeline, so that their outcome is for the log to say.</summary>
internal sealed class CopyActor(Broker broker, ChildHistory history, int number, Random random) : ChildActor(broker, history, number, random)
{
    protected override async Task ActAsync(CancellationToken stop)
    {
        await using var pipeline = Broker.CreatePipeline(KillTopics.CopyGroup).Read(KillTopics.Plain).WithBatch(25).Process(CopyAsync);
        await pipeline.RunAsync(stop);
    }

    private async ValueTask CopyAsync(ConsumerBatch<string, byte[]> batch, TransactionWriter output, CancellationToken cancellationToken)
    {
        var transaction = History.NextNumber();
        Complete(Invoke(new BeginTransaction(transaction, Session)));
        var next = batch.NextOffset;
        foreach (var record in batch)
            await CopyAsync(record, output, transaction, cancellationToken);
        Invoke(new CommitOffsets(KillTopics.CopyGroup, new Dictionary<TopicPartition, long> { [batch.TopicPartition] = next }, transaction));
        Invoke(new EndTransaction(transaction, IsCommit: true));
    }

    private async Task CopyAsync(ConsumerRecord<string, byte[]> record, TransactionWriter output, long transaction, CancellationToken cancellationToken)
    {
        if (StampedValue.Decode(record.Value, record.Key) == StampedValue.Damaged)
            History.Say($"failed The pipeline was given a damaged record at {record.TopicPartition}@{record.Offset}.");
        var value = History.NextNumber();
        var target = new TopicPartition(KillTopics.Copied.Name, record.Partition);
        var source = new SourceRecord(KillTopics.CopyGroup, record.TopicPartition, record.Offset);
        var operation = Invoke(new Write(target, value, Session, transaction, record.Key, source));
        await output.SendAsync(KillTopics.Copied, KillTopics.Record(value, record.Key, record.Partition, padding: 10), cancellationToken);
        Complete(operation);
    }
}
