using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>Sends records to one topic, from two threads that share a producer, each of them several at a time; opens a new producer now and then.</summary>
internal sealed class PlainActor(HammeredBroker broker, Random random, Topic<string, byte[]> topic) : HammerActor(broker, random)
{
    private const int Threads = 2;
    private const int ConcurrentMax = 12;
    private const int TurnsOfProducer = 200;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        await using var producer = Broker.CreateProducer(topic).WithBatchSize(2048).Build();
        var seeds = Enumerable.Range(0, Threads).Select(_ => Random.Next()).ToArray();
        await Task.WhenAll(seeds.Select(seed => Task.Run(() => WriteAsync(producer, new Random(seed), stop), CancellationToken.None)));
    }

    private async Task WriteAsync(Producer<string, byte[]> producer, Random random, CancellationToken stop)
    {
        // The calls of each thread are in order, and nobody knows in which order those of two are.
        var session = History.NewNumber();
        var pending = new List<Task>();
        for (var turn = 0; turn < TurnsOfProducer && !stop.IsCancellationRequested; turn++)
        {
            for (var count = random.Next(ConcurrentMax) + 1; count > 0; count--)
                pending.Add(WriteAsync(producer, session, random));
            await Task.WhenAll(pending);
            pending.Clear();
        }
    }

    private async Task WriteAsync(Producer<string, byte[]> producer, int session, Random random)
    {
        var (call, record) = NewRecord(topic, session, random: random);
        var operation = Invoke(call);
        var at = await producer.SendAsync(record);
        Complete(operation, new WriteAnswer(at.Offset!.Value, at.IsDuplicate));
        History.Count("records");
    }
}
