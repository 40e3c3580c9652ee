using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>Imports numbers, one after the other, through a named producer that goes on behind the last one stored. Each record's key is its number.</summary>
internal sealed class ImportActor(Broker broker, ChildHistory history, int number, Random random) : ChildActor(broker, history, number, random)
{
    private const int BatchMax = 20;

    /// <summary>In one life: the whole import is read in every life, so it must not grow too fast.</summary>
    private const int NumbersMax = 100;

    protected override async Task ActAsync(CancellationToken stop)
    {
        await using var producer = Broker.CreateProducer(KillTopics.Imported).WithIdentity(KillTopics.ImportName).Build();
        var next = (await producer.GetLastSourceSequenceAsync(stop) ?? -1) + 1;
        for (var last = next + NumbersMax; next < last && !stop.IsCancellationRequested;)
        {
            var end = next + Random.Next(1, BatchMax);
            var pending = new List<Task>();
            while (next < end)
                pending.Add(WriteAsync(producer, next++));
            await Task.WhenAll(pending);
        }
    }

    private async Task WriteAsync(Producer<string, byte[]> producer, long sequence)
    {
        var (value, key, partition) = (History.NextNumber(), KillTopics.KeyOf(sequence), (int)(sequence % 2));
        var operation = Invoke(new Write(new TopicPartition(KillTopics.Imported.Name, partition), value, Session, Key: key));
        var at = await producer.SendAsync(KillTopics.Record(value, key, partition, padding: 10) with { SourceSequence = sequence });
        // A duplicate is answered without an offset: the broker keeps the last number of a name, not where each stands.
        Complete(operation, at.Offset is { } offset ? new WriteAnswer(offset, at.IsDuplicate) : null);
        if (at.IsDuplicate)
            History.Say($"failed The import's number {sequence} is behind the last one stored and was called a duplicate.");
    }
}
