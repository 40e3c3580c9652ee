using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

/// <summary>The example of the package's README.</summary>
public sealed class HistoryExample
{
    [Fact]
    public async Task The_example_of_the_README_finds_nothing_wrong_with_a_broker()
    {
        // snippet: History
        var history = new HistoryChecker();
        var numbers = Topic.Create("numbers", Serdes.Int64);
        await using var broker = Broker.CreateInMemory();
        await using var producer = broker.CreateProducer(numbers).Build();

        for (var value = 0L; value < 100; value++)
        {
            history.Add(new Invoked(TimeMs: value, Process: 1, Operation: value, new Write(new TopicPartition("numbers", 0), value, Session: 1)));
            var at = await producer.SendAsync(value);
            history.Add(new Completed(TimeMs: value, Process: 1, Operation: value, Outcome.Ok, new WriteAnswer(at.Offset!.Value)));
        }

        await using var consumer = broker.CreateConsumer(numbers).StartFrom(StartFrom.Earliest).Build();
        history.Add(new Invoked(TimeMs: 100, Process: 2, Operation: 100, new Scan([new TopicPartition("numbers", 0)], IsCommitted: true)));
        var records = new List<ReadRecord>();
        await foreach (var record in consumer.ReadToEndAsync())
            records.Add(new ReadRecord(record.Offset, record.Value));
        var end = records[^1].Offset + 1;
        var read = new PartitionRead(new TopicPartition("numbers", 0), Begin: 0, End: end, Limit: end, records);
        history.Add(new Completed(TimeMs: 101, Process: 2, Operation: 100, Outcome.Ok, new RecordsAnswer([read])));

        foreach (var violation in history.Complete())
            Console.WriteLine(violation);           // I1 NoLoss: value 7 of session 1 at numbers-0 offset 7 was acknowledged, but ...
        // end
        history.Violations.Should().BeEmpty();
        records.Should().HaveCount(100);
    }
}
