using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>Writes outside of transactions, some records at a time.</summary>
internal sealed class PlainActor(
    Broker broker, ChildHistory history, int number, Random random, Topic<string, byte[]> topic, int concurrency, int padding)
    : ChildActor(broker, history, number, random)
{
    private const int Keys = 20;

    protected override async Task ActAsync(CancellationToken stop)
    {
        var partitions = KillTopics.PartitionsOf(topic).ToArray();
        await using var producer = Broker.CreateProducer(topic).WithBatchSize(4096).Build();
        var pending = new List<Task>();
        while (!stop.IsCancellationRequested)
        {
            for (var count = Random.Next(concurrency) + 1; count > 0; count--)
                pending.Add(WriteAsync(producer, partitions[Random.Next(partitions.Length)]));
            await Task.WhenAll(pending);
            pending.Clear();
        }
    }

    private async Task WriteAsync(Producer<string, byte[]> producer, TopicPartition partition)
    {
        var (value, key) = (History.NextNumber(), KillTopics.KeyOf(Random.Next(Keys)));
        var operation = Invoke(new Write(partition, value, Session, Key: key));
        var at = await producer.SendAsync(KillTopics.Record(value, key, partition.Partition, Random.Next(padding)));
        Complete(operation, new WriteAnswer(at.Offset!.Value, at.IsDuplicate));
    }
}
