using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// Deleted records stay deleted when the machine dies before the next checkpoint: found by the exhaustive workloads 'delete-records' and 'retain'.
/// </summary>
public sealed class ReplayedLogStartTests
{
    private static readonly TopicPartition s_partition = new(Life.Plain.Name, 1);

    [Fact]
    public void Records_that_were_deleted_cannot_be_read_after_a_crash_and_their_files_go()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Life.Open(disk, promises, LifeScale.Tiny);
        life.Run(first => first.CreateTopicsAsync());
        for (var record = 0; record < 4; record++)
            life.Run(first => first.SendAsync(Life.Plain, s_partition.Partition, 900));
        life.Engine.Checkpoint();
        SegmentsOf(disk).Should().BeGreaterThan(2);
        life.Run(first => first.Broker.Admin.DeleteRecordsAsync(s_partition, 3));

        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        life = Life.Open(disk, promises, LifeScale.Tiny);
        life.Engine.Partitions.Find(s_partition)!.View.LogStart.Should().Be(3);
        using var reader = life.Broker.Backend.GetPartition(s_partition).OpenReader(0, IsolationLevel.ReadCommitted);
        reader.Invoking(past => past.TryRead(1 << 20, out _)).Should().Throw<BrokerException>().Which.Code.Should().Be(ErrorCode.OffsetOutOfRange);
        SegmentsOf(disk).Should().Be(1, "recovery's checkpoint lists the others no more");
    }

    private static int SegmentsOf(SimulatedDisk disk) =>
        disk.Files().Count(path => path.Contains("-plain-1/", StringComparison.Ordinal) && path.EndsWith(".log", StringComparison.Ordinal));
}
