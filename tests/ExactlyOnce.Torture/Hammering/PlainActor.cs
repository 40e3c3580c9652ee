using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>Sends records, several at a time, to one topic, and opens a new producer now and then.</summary>
internal sealed class PlainActor(HammeredBroker broker, Random random, Topic<string, byte[]> topic) : HammerActor(broker, random)
{
    private const int ConcurrentMax = 12;
    private const int TurnsOfProducer = 200;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        var session = History.NewNumber();
        await using var producer = Broker.CreateProducer(topic).WithBatchSize(2048).Build();
        var pending = new List<Task>();
        for (var turn = 0; turn < TurnsOfProducer && !stop.IsCancellationRequested; turn++)
        {
            for (var count = Random.Next(ConcurrentMax) + 1; count > 0; count--)
                pending.Add(WriteAsync(producer, session));
            await Task.WhenAll(pending);
            pending.Clear();
        }
    }

    private async Task WriteAsync(Producer<string, byte[]> producer, int session)
    {
        var (call, record) = NewRecord(topic, session);
        var operation = Invoke(call);
        var at = await producer.SendAsync(record);
        Complete(operation, new WriteAnswer(at.Offset!.Value, at.IsDuplicate));
        History.Count("records");
    }
}
