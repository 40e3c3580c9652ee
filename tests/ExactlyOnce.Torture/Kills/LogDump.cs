using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Kills;

/// <summary>Reads everything there is, as a new client would, and reports it.</summary>
internal sealed class LogDump(Broker broker, ChildHistory history)
{
    private const int Actor = 1;

    public async Task ReportAsync()
    {
        await ReportOffsetsAsync();
        foreach (var (topic, _) in KillTopics.All)
        {
            if (broker.Admin.DescribeTopic(topic.Name) is null)
                continue;
            await ReportAsync(topic, IsolationLevel.ReadCommitted);
            await ReportAsync(topic, IsolationLevel.ReadUncommitted);
        }
        await ReportImportAsync();
    }

    private async Task ReportAsync(Topic<string, byte[]> topic, IsolationLevel isolation)
    {
        var partitions = KillTopics.PartitionsOf(topic).ToArray();
        await using var consumer = broker.CreateConsumer(topic)
            .With(options =>
            {
                options.Isolation = isolation;
                options.Partitions = [.. partitions.Select(partition => partition.Partition)];
                options.StartFrom = StartFrom.Earliest;
            })
            .Build();
        var operation = history.Invoke(Actor, new Scan(partitions, isolation == IsolationLevel.ReadCommitted));
        var begins = partitions.ToDictionary(partition => partition, consumer.GetStartOffset);
        var limits = partitions.ToDictionary(partition => partition, consumer.GetEndOffset);
        var records = partitions.ToDictionary(partition => partition, _ => new List<ReadRecord>());
        await foreach (var record in consumer.ReadToEndAsync())
        {
            if (record.Offset < limits[record.TopicPartition])
                records[record.TopicPartition].Add(new ReadRecord(record.Offset, StampedValue.Decode(record.Value, record.Key)));
        }
        history.Complete(Actor, operation, answer: new RecordsAnswer(
            [.. partitions.Select(partition => new PartitionRead(partition, begins[partition], limits[partition], limits[partition], records[partition]))]));
    }

    private async Task ReportOffsetsAsync()
    {
        if (broker.Admin.DescribeTopic(KillTopics.Plain.Name) is null)
            return;
        var partitions = KillTopics.PartitionsOf(KillTopics.Plain).ToArray();
        var operation = history.Invoke(Actor, new FetchOffsets(KillTopics.CopyGroup, partitions));
        var offsets = await broker.Admin.GetGroupOffsetsAsync(KillTopics.CopyGroup, KillTopics.Plain.Name);
        history.Complete(Actor, operation, answer: new OffsetsAnswer(offsets.ToDictionary(pair => pair.Key, pair => pair.Value.Offset)));
    }

    /// <summary>The last number that the broker remembers of the import; the parent compares it with the records, whose keys are the numbers.</summary>
    private async Task ReportImportAsync()
    {
        if (broker.Admin.DescribeTopic(KillTopics.Imported.Name) is null)
            return;
        await using var importer = broker.CreateProducer(KillTopics.Imported).WithIdentity(KillTopics.ImportName).Build();
        history.Say($"imported {await importer.GetLastSourceSequenceAsync() ?? -1}");
    }
}
