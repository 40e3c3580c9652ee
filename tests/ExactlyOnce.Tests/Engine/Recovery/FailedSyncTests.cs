using ExactlyOnce.Clients;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// After a sync has failed, the kernel calls clean what it has lost: another sync of the same file or folder succeeds and says nothing. What was to be made
/// durable must be made anew. Each case once failed somewhere in the sweep over all disk operations, and has its own name here.
/// </summary>
public sealed class FailedSyncTests
{
    private const int Shifts = 8;

    [Fact]
    public void A_prepared_transaction_that_did_not_become_durable_is_not_listed()
    {
        var listed = 0;
        // Wherever the journal fails on the way there: the rules may know of a prepared transaction, and nobody is told.
        for (var operation = 1; operation < 30; operation++)
        {
            var disk = new SimulatedDisk();
            var life = Life.Open(disk, new Promises(), LifeScale.Tiny);
            life.Run(now => now.CreateTopicsAsync());
            disk.FailAt(disk.Operations + operation, FaultKind.IoError);
            try
            {
                life.Run(now => now.PrepareAsync());
                break;
            }
            catch (BrokerException)
            {
                listed += life.Engine.State.Transactions.ListPrepared().Count;
                life.Invoking(now => now.Run(one => one.Broker.Admin.ListPreparedTransactionsAsync())).Should().Throw<StorageException>();
            }
        }
        listed.Should().BePositive("the journal failed under the preparation too");
    }

    [Fact]
    public void A_reader_at_the_end_of_a_broker_whose_journal_has_failed_sleeps_instead_of_spinning()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Life.Open(disk, promises);
        life.Run(now => now.CreateTopicsAsync());
        life.Run(now => now.SendAsync(Life.Plain, 0));
        // The next record is in memory, and its write fails.
        disk.FailAt(disk.Operations + 1, FaultKind.IoError);
        life.Invoking(broken => broken.Run(now => now.SendAsync(Life.Plain, 0))).Should().Throw<BrokerException>();
        life.Engine.Journal.Failure.Should().NotBeNull();
        var partition = life.Engine.Partitions.Find(new TopicPartition(Life.Plain.Name, 0))!;
        using (partition.Lock.Enter())
            partition.Marks.Newest.Lsn.Should().BeGreaterThan(partition.VisibleMark.Lsn, "or there is nothing that a reader could wait for in vain");

        var wakes = 0;
        partition.Readers.TryWait(partition.VisibleMark, () => wakes++).Should().BeTrue("there is nothing to read, now or ever");
        // Whatever was scheduled in front of these has been carried out when they are.
        for (var i = 0; i < 3; i++)
            life.Run(async now => await new SchedulerHop(now.Engine.Environment.Completions));
        wakes.Should().Be(0);
    }

    [Fact]
    public void A_segment_whose_sync_failed_is_written_anew_elsewhere_and_not_touched_again() =>
        Fail(line => line.Contains(" sync /data/topics/", StringComparison.Ordinal) && line.EndsWith(".log", StringComparison.Ordinal), isTouchedAgain: false);

    [Fact]
    public void A_partitions_folder_whose_directory_sync_failed_is_made_anew() =>
        Fail(line => line.EndsWith(" sync directory /data/topics", StringComparison.Ordinal), isTouchedAgain: true);

    [Fact]
    public void Files_in_a_partitions_folder_whose_sync_failed_are_made_anew() =>
        Fail(line => line.Contains(" sync directory /data/topics/", StringComparison.Ordinal), isTouchedAgain: true);

    [Fact]
    public void A_checkpoint_file_whose_directory_sync_failed_is_written_under_another_name() =>
        Fail(line => line.EndsWith(" sync directory /data", StringComparison.Ordinal), isTouchedAgain: true);

    [Fact]
    public void A_checkpoint_file_whose_own_sync_failed_is_written_under_another_name() =>
        Fail(line => line.Contains(" sync /data/", StringComparison.Ordinal) && line.EndsWith(".checkpoint", StringComparison.Ordinal), isTouchedAgain: false);

    /// <summary>
    /// Fails that sync of a checkpoint, makes another one, cuts the power: everything acknowledged is there. At several operation numbers, because they choose
    /// what the failed sync leaves behind.
    /// </summary>
    private static void Fail(Func<string, bool> isSync, bool isTouchedAgain)
    {
        for (var shift = 0; shift < Shifts; shift++)
            foreach (var isFirst in new[] { true, false })
            {
                var reference = new SimulatedDisk();
                var before = Play(reference, new Promises(), shift, isFirst).Engine.Invoking(engine => engine.Checkpoint());
                var from = reference.Trace.Count;
                before.Should().NotThrow();
                if (reference.Trace.Skip(from).FirstOrDefault(isSync) is not { } failing)
                    continue;

                var (disk, promises) = (new SimulatedDisk(), new Promises());
                var life = Play(disk, promises, shift, isFirst);
                disk.FailAt(long.Parse(failing.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture), FaultKind.IoError);
                life.Engine.Invoking(engine => engine.Checkpoint()).Should().Throw<StorageException>();
                var failedAt = disk.Trace.Count;
                life.Engine.Checkpoint();
                var path = failing.Split(' ')[^1];
                if (!isTouchedAgain)
                    disk.Trace.Skip(failedAt).Should().NotContain(line => IsOf(line, path));

                var next = Life.Open(disk.Crash(CrashProfile.LostSectors, shift), promises);
                promises.CheckAcknowledged(next.Run(now => now.ReadRecordsAsync()));
            }
    }

    private static bool IsOf(string line, string path) =>
        line.Contains($" write {path} ", StringComparison.Ordinal) || line.EndsWith($" sync {path}", StringComparison.Ordinal);

    /// <summary>Records enough for segments; without <paramref name="isFirst"/> some of them are in segments already.</summary>
    private static Life Play(SimulatedDisk disk, Promises promises, int shift, bool isFirst)
    {
        var life = Life.Open(disk, promises);
        life.Run(now => now.CreateTopicsAsync());
        for (var i = 0; i < shift; i++)
            life.Run(now => now.SendAsync(Life.Plain, 1));
        for (var part = isFirst ? 1 : 0; part < 2; part++)
        {
            if (part == 1 && !isFirst)
                life.Engine.Checkpoint();
            for (var i = 0; i < 8; i++)
                life.Run(now => now.SendAsync(Life.Bulk, 0, padding: 9_000));
        }
        return life;
    }
}
