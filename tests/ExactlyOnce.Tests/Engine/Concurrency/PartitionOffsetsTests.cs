namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>A partition's numbers are those of one moment, whatever others do to it meanwhile.</summary>
public sealed class PartitionOffsetsTests
{
    private const int Rounds = 20_000;

    [Fact]
    public async Task A_log_never_begins_behind_its_end()
    {
        using var share = new EngineShare(Durability.Memory);
        using var engine = share.Open();
        engine.CreateTopic(partitions: 1);
        var partition = engine.Partition(0);
        var isWriting = true;
        var writing = Task.Run(() =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                engine.Append(0, null, 0, 1, "x");
                ThreadedEngine.Wait(engine.Backend.DeleteRecordsAsync(partition.Id, -1, CancellationToken.None));
            }
            Volatile.Write(ref isWriting, false);
        });

        var torn = 0;
        while (Volatile.Read(ref isWriting))
        {
            var offsets = partition.Offsets;
            if (offsets.LogStart > offsets.LastStable || offsets.LastStable > offsets.HighWatermark)
                torn++;
        }
        await writing;
        torn.Should().Be(0);
    }
}
