using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>Deletes old records, so that a directory can live through thousands of children: of the pipeline's input only what it has done.</summary>
internal sealed class TrimActor(Broker broker, ChildHistory history, int number, Random random) : ChildActor(broker, history, number, random)
{
    private const int KeptRecords = 200;

    /// <summary>
    /// Of the pipeline's output more than of its input: every input that is still there must have its output, which the oracle may not have seen yet, and
    /// between the outputs lie markers.
    /// </summary>
    private const int KeptOutputs = 4 * KeptRecords;

    private static readonly Topic<string, byte[]>[] s_trimmed = [KillTopics.Plain, KillTopics.Copied, KillTopics.Left, KillTopics.Right];

    protected override async Task ActAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(Random.Next(40, 160), stop);
            foreach (var topic in s_trimmed)
                foreach (var partition in KillTopics.PartitionsOf(topic))
                    await TrimAsync(topic, partition);
        }
    }

    private async Task TrimAsync(Topic<string, byte[]> topic, TopicPartition partition)
    {
        var offsets = Broker.Backend.GetPartition(partition).Offsets;
        var before = offsets.HighWatermark - (topic == KillTopics.Copied ? KeptOutputs : KeptRecords);
        if (topic == KillTopics.Plain)
        {
            var committed = await Broker.Admin.GetGroupOffsetsAsync(KillTopics.CopyGroup, KillTopics.Plain.Name);
            before = Math.Min(before, committed.TryGetValue(partition, out var done) ? done.Offset : 0);
        }
        if (before - offsets.LogStart < KeptRecords / 4)
            return;
        var operation = Invoke(new DeleteRecords(partition, before));
        Complete(operation, new OffsetAnswer(await Broker.Admin.DeleteRecordsAsync(partition, before)));
    }
}
