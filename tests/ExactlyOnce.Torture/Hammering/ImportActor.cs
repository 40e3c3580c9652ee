using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// Imports the numbers, one after the other, under a name that others want, too: whoever is fenced begins anew behind the last number stored. A record's key is
/// its number.
/// </summary>
internal sealed class ImportActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    public const string Name = "importer";

    private const int BatchMax = 20;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        await using var producer = Broker.CreateProducer(HammerTopics.Imported).WithIdentity(Name).Build();
        var session = History.NewNumber();
        try
        {
            var next = (await producer.GetLastSourceSequenceAsync(stop) ?? -1) + 1;
            for (var turns = Random.Next(5, 200); turns > 0 && !stop.IsCancellationRequested; turns--)
            {
                var pending = new List<Task>();
                for (var count = Random.Next(1, BatchMax); count > 0; count--)
                    pending.Add(WriteAsync(producer, session, next++));
                await Task.WhenAll(pending);
            }
        }
        catch (BrokerException exception) when (exception.Code is ErrorCode.ProducerFenced or ErrorCode.InvalidProducerEpoch)
        {
            History.Count("fenced");
        }
    }

    private async Task WriteAsync(Producer<string, byte[]> producer, int session, long sequence)
    {
        var (call, record) = NewRecord(HammerTopics.Imported, session, key: HammerTopics.KeyOf(sequence));
        var operation = Invoke(call);
        try
        {
            var at = await producer.SendAsync(record with { SourceSequence = sequence });
            Complete(operation, at.Offset is { } offset ? new WriteAnswer(offset, at.IsDuplicate) : null);
            if (at.IsDuplicate)
                History.Complain($"The import's number {sequence} is behind the last one stored and was called a duplicate.");
            History.Count("records");
        }
        catch (BrokerException exception)
        {
            Fail(operation, exception);
            throw;
        }
    }
}
