using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// Runs a pipeline with three workers that copies one topic to another, and stops and starts it all the time. Its transactions are committed by the pipeline:
/// what became of each, the log and the group's positions have to say.
/// </summary>
internal sealed class CopyActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    private const int Workers = 3;
    private const int BatchMax = 100;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        ending.CancelAfter(Random.Next(100, 2_000));
        await using var pipeline = Broker.CreatePipeline(HammerTopics.CopyGroup).Read(HammerTopics.Source).WithWorkers(Workers).WithBatch(BatchMax).Process(CopyAsync);
        await pipeline.RunAsync(ending.Token).ContinueWith(
            run =>
            {
                if (run.Exception?.InnerException is { } exception and not OperationCanceledException)
                    History.Complain($"The pipeline ended by itself: {exception}");
            },
            TaskScheduler.Default);
    }

    private async ValueTask CopyAsync(ConsumerBatch<string, byte[]> batch, TransactionWriter output, CancellationToken cancellationToken)
    {
        // Each transaction a session of its own: which worker's it is nobody says.
        var (transaction, session) = (History.NewNumber(), History.NewNumber());
        Complete(Invoke(new BeginTransaction(transaction, session)));
        var next = batch.NextOffset;
        foreach (var record in batch)
        {
            if (StampedValue.Decode(record.Value, record.Key) == StampedValue.Damaged)
                History.Complain($"The pipeline was given a damaged record at {record.TopicPartition}@{record.Offset}.");
            var value = History.NewNumber();
            var write = new Write(
                new TopicPartition(HammerTopics.Copied.Name, record.Partition), value, session, transaction,
                Source: new SourceRecord(HammerTopics.CopyGroup, record.TopicPartition, record.Offset));
            var operation = Invoke(write);
            await output.SendAsync(
                HammerTopics.Copied, new ProducerRecord<string, byte[]>(record.Key, StampedValue.Encode(value, record.Key, padding: 10)) { Partition = record.Partition }, cancellationToken);
            Complete(operation);
            History.Count("records");
        }
        Answer(new CommitOffsets(HammerTopics.CopyGroup, new Dictionary<TopicPartition, long> { [batch.TopicPartition] = next }, transaction));
        Answer(new EndTransaction(transaction, IsCommit: true));
    }

    /// <summary>From here on it may happen, and nobody will say whether it did.</summary>
    private void Answer(Call call) => History.Complete(Process, Invoke(call), Outcome.Unknown);
}
