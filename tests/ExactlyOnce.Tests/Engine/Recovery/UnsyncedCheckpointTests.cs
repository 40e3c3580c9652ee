using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Museum;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// A checkpoint is taken of what has been applied, and that may be further than the journal has synced: a transaction has ended in memory, and its frame waits
/// for the disk. The checkpoint waits for it too, before it writes anything. What it contained ahead of the journal, a power cut would leave without its frame;
/// the journal would go on below what the checkpoint counts as applied, and what is acknowledged there would count as contained already.
/// </summary>
public sealed class UnsyncedCheckpointTests
{
    private readonly SimulatedDisk _disk = new();

    [Theory]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Written)]
    public void A_checkpoint_contains_nothing_that_the_journal_has_not_synced(Durability durability)
    {
        var watched = new WatchedDisk(_disk);
        var broker = StepBroker.Open(watched, StepBroker.Small with { Durability = durability });
        var ended = EndWithoutTheDisk(broker);
        var synced = new List<long>();
        watched.Before = (_, path) =>
        {
            if (!path.Contains($"/{JournalFormat.DirectoryName}", StringComparison.Ordinal))
                synced.Add(broker.Engine.Journal.SyncedLsn);
        };

        broker.Engine.Checkpoint();

        synced.Should().NotBeEmpty("the checkpoint wrote").And.OnlyContain(lsn => lsn >= ended, "what it writes is in the journal by then");
        var written = CheckpointFile.Read(_disk, $"{StepBroker.Root}/{Manifest.Read(_disk, StepBroker.Root)!.CheckpointFile}");
        written.Coordination.AppliedLsn.Should().Be(ended);
        written.Partitions.Should().HaveCount(2).And.OnlyContain(partition => partition.AppliedLsn == ended);
    }

    [Fact]
    public void What_is_acknowledged_after_a_power_cut_is_not_taken_for_part_of_the_checkpoint_in_front_of_it()
    {
        var broker = StepBroker.Open(_disk);
        EndWithoutTheDisk(broker);
        broker.Engine.Checkpoint();

        var disk = _disk.Crash(CrashProfile.LostSectors, 1);
        StepBroker.Open(disk).Append("orders", 0, (null, "later"));
        disk = disk.Crash(CrashProfile.LostSectors, 2);

        var reopened = StepBroker.Open(disk);
        reopened.Values("orders").Should().Equal("first", "later");
        reopened.Values("orders", 1).Should().Equal("second");
        reopened.CommittedOf("totals", "orders").Should().Be(1);
    }

    [Fact]
    public void A_checkpoint_whose_journal_fails_under_it_writes_nothing()
    {
        var broker = StepBroker.Open(_disk);
        EndWithoutTheDisk(broker);
        var (before, from) = (Manifest.Read(_disk, StepBroker.Root)!, _disk.Trace.Count);
        _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);

        broker.Engine.Invoking(engine => engine.Checkpoint()).Should().Throw<StorageException>();

        _disk.Trace.Skip(from).Should().OnlyContain(line => line.Contains($"/{JournalFormat.DirectoryName}/", StringComparison.Ordinal));
        Manifest.Read(_disk, StepBroker.Root)!.Encode().Should().Equal(before.Encode());
    }

    /// <summary>
    /// A transaction over two partitions, committed with an offset as far as memory goes; answers the LSN of the frame that nobody has written yet.
    /// </summary>
    private static long EndWithoutTheDisk(StepBroker broker)
    {
        broker.CreateTopic("orders", topic => topic.Partitions = 2);
        var identity = broker.InitProducer("t");
        broker.AppendIn("t", identity, "orders", 0, 0, (null, "first"));
        broker.AppendIn("t", identity, "orders", 1, 0, (null, "second"));
        var ended = broker.EndUndriven("t", identity, commit: true, broker.OffsetOf("totals", "orders", 0, 1)).Lsn;
        broker.Engine.Journal.SyncedLsn.Should().BeLessThan(ended, "or the checkpoint has nothing to wait for");
        return ended;
    }
}
