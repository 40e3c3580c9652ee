using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>Deletes records, changes what topics keep, looks at transactions, groups and positions.</summary>
internal sealed class AdministratorActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    private static readonly Topic<string, byte[]>[] s_trimmed = [HammerTopics.Plain, HammerTopics.Left, HammerTopics.Right];

    protected override async Task TurnAsync(CancellationToken stop)
    {
        await Task.Delay(Random.Next(1, 30), stop);
        switch (Random.Next(6))
        {
            case 0 or 1:
                await DeleteRecordsAsync(new TopicPartition(Pick(s_trimmed).Name, Random.Next(HammerTopics.Partitions)));
                break;
            case 2:
                await Broker.Admin.AlterTopicAsync(HammerTopics.Small.Name, options => options.RetainBytes = Random.Next(64, 512) << 10, CancellationToken.None);
                break;
            case 3:
                await Hammered.FetchAsync(Process, HammerTopics.PositionsGroup, [.. HammerTopics.PartitionsOf(HammerTopics.Left), .. HammerTopics.PartitionsOf(HammerTopics.Right)]);
                break;
            case 4:
                await Hammered.FetchAsync(Process, HammerTopics.CopyGroup, [.. HammerTopics.PartitionsOf(HammerTopics.Source)]);
                break;
            default:
                _ = await Broker.Admin.ListOpenTransactionsAsync(CancellationToken.None);
                _ = await Broker.Admin.ListPreparedTransactionsAsync(CancellationToken.None);
                _ = Broker.Admin.ListGroups();
                break;
        }
    }

    private async Task DeleteRecordsAsync(TopicPartition partition)
    {
        var offsets = Hammered.Partition(partition).Offsets;
        var before = offsets.LogStart + Random.NextInt64((offsets.HighWatermark - offsets.LogStart) / 4 + 1);
        var deletion = Invoke(new DeleteRecords(partition, before));
        Complete(deletion, new OffsetAnswer(await Broker.Admin.DeleteRecordsAsync(partition, before, CancellationToken.None)));
        History.Count("deletions");
    }
}
