using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// Records are deleted while a checkpoint writes: found by the hammer. The open segment was dropped by the deletion and written on by the checkpoint, which
/// listed it again; the next checkpoint removed the file and listed it once more, and the directory could not be opened any more.
/// </summary>
public sealed class DeletedWhileFlushedTests
{
    private const int Bytes = 300;

    private static readonly TopicPartition s_partition = new(Life.Plain.Name, 1);

    [Fact]
    public void A_segment_that_a_checkpoint_writes_to_outlives_a_deletion_of_all_that_it_held()
    {
        var disk = new SimulatedDisk();
        var life = Life.Open(disk, new Promises(), LifeScale.Tiny);
        life.Run(first => first.CreateTopicsAsync());
        Send(life);
        life.Engine.Checkpoint();
        Send(life);
        disk.BeforeOperation = _ =>
        {
            disk.BeforeOperation = null;
            Delete(life, before: 1);
        };
        life.Engine.Checkpoint();
        disk.BeforeOperation.Should().BeNull("the checkpoint wrote");
        Send(life);
        life.Engine.Checkpoint();
        life.Run(first => first.CloseAsync());

        life = Life.Open(disk.Crash(CrashProfile.AllSurvive, 0), new Promises(), LifeScale.Tiny);
        Offsets(life).Should().Equal(1, 2);
    }

    [Fact]
    public void A_segment_that_is_sealed_while_its_records_are_deleted_is_removed_in_the_end()
    {
        var disk = new SimulatedDisk();
        var life = Life.Open(disk, new Promises(), LifeScale.Tiny);
        life.Run(first => first.CreateTopicsAsync());
        // More than a segment holds, so that the checkpoint seals what it makes.
        for (var record = 0; record < 5; record++)
            Send(life);
        disk.BeforeOperation = _ =>
        {
            disk.BeforeOperation = null;
            Delete(life, before: 5);
        };
        life.Engine.Checkpoint();
        Files(disk).Should().BeGreaterThan(1);

        for (var checkpoint = 0; checkpoint < 2; checkpoint++)
        {
            Send(life);
            life.Engine.Checkpoint();
        }
        Files(disk).Should().Be(1);
        Offsets(life).Should().Equal(5, 6);
    }

    [Fact]
    public void The_file_of_an_open_segment_is_removed_when_all_its_records_are_deleted()
    {
        var disk = new SimulatedDisk();
        var life = Life.Open(disk, new Promises(), LifeScale.Tiny);
        life.Run(first => first.CreateTopicsAsync());
        Send(life);
        life.Engine.Checkpoint();
        Files(disk).Should().Be(1);

        Delete(life, before: 1);
        life.Engine.Checkpoint();
        life.Engine.Checkpoint();
        Files(disk).Should().Be(0);
        Send(life);
        Offsets(life).Should().Equal(1);
    }

    private static void Send(Life life) => life.Run(now => now.SendAsync(Life.Plain, s_partition.Partition, Bytes));

    /// <summary>As another thread does it: no step of the broker waits for the disk.</summary>
    private static void Delete(Life life, long before) =>
        life.Engine.DropFiles(LogRetention.DeleteRecords(life.Engine.Partitions.Find(s_partition)!, before, life.Engine.NowMs));

    private static List<long> Offsets(Life life)
    {
        using var reader = life.Broker.Backend.GetPartition(s_partition).OpenReader(life.Broker.Backend.GetPartition(s_partition).Offsets.LogStart, IsolationLevel.ReadCommitted);
        var offsets = new List<long>();
        while (reader.TryRead(1 << 20, out var batches))
        {
            var sequence = new ExactlyOnce.Kernel.Records.BatchSequence(batches.Span);
            while (sequence.MoveNext())
                offsets.Add(sequence.Current.BaseOffset);
        }
        return offsets;
    }

    private static int Files(SimulatedDisk disk) =>
        disk.Files().Count(path => path.Contains("-plain-1/", StringComparison.Ordinal) && path.EndsWith(".log", StringComparison.Ordinal));
}
