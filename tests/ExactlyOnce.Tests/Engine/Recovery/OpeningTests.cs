using System.Globalization;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Tests.Engine.Disk;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>Who may open a directory, what is refused as damaged, and what the broker still knows afterwards.</summary>
public sealed class OpeningTests
{
    [Fact]
    public async Task A_second_broker_on_a_directory_is_refused_and_told_the_owners_process()
    {
        using var directory = new TemporaryDirectory();
        await using var first = await Broker.OpenAsync(directory.Path);

        var refused = await FluentActions.Awaiting(() => Broker.OpenAsync(directory.Path)).Should().ThrowAsync<StorageException>();
        refused.Which.Code.Should().Be(ErrorCode.DirectoryInUse);
        refused.Which.Message.Should().Contain($"process {System.Environment.ProcessId}").And.Contain(directory.Path);
    }

    [Fact]
    public void A_new_directory_survives_a_power_cut_right_after_its_first_acknowledgement()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Life.Open(disk, promises);
        life.Run(first => first.CreateTopicsAsync());
        life.Run(first => first.SendAsync(Life.Plain, 0));

        promises.CheckAcknowledged(Life.Open(disk.Crash(CrashProfile.LostSectors, 40), promises).Run(next => next.ReadRecordsAsync()));
    }

    [Fact]
    public void Opening_fails_instead_of_hanging_when_the_journal_fails_in_it()
    {
        var disk = new SimulatedDisk();
        Script.Play(disk, new Promises());
        var syncs = 0;
        for (var operation = 1; ; operation++)
        {
            var again = disk.Crash(CrashProfile.AllSurvive, 0);
            again.FailAt(operation, FaultKind.IoError);
            try
            {
                Life.Open(again, new Promises());
            }
            catch (StorageException exception)
            {
                syncs += exception.ToString().Contains("/journal/", StringComparison.Ordinal) ? 1 : 0;
            }
            if (again.Operations < operation)
                break;
        }
        syncs.Should().BePositive("opening writes to the journal, because a transaction was left open");
    }

    [Theory]
    [InlineData("manifest")]
    [InlineData(".checkpoint")]
    public void Damage_in_a_file_that_opening_reads_refuses_and_names_it(string ending)
    {
        var disk = new SimulatedDisk();
        Script.Play(disk, new Promises());
        var path = Life.Root + "/" + disk.List(Life.Root).Single(name => name.EndsWith(ending, StringComparison.Ordinal));
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        disk.Flip(path, disk.ReadAll(path).Length / 2, 0x10);

        var refused = disk.Invoking(broken => Life.Open(broken, new Promises())).Should().Throw<DamagedStorageException>().Which;
        refused.FilePath.Should().Be(path);
        refused.Message.Should().Contain(path);
    }

    [Fact]
    public void Damage_in_front_of_a_later_journal_group_refuses_and_says_where()
    {
        var disk = new SimulatedDisk();
        Script.Play(disk, new Promises());
        var (path, position) = JournalWrite(disk, fromLast: 1);
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        disk.Flip(path, position + 60, 1);

        var refused = disk.Invoking(broken => Life.Open(broken, new Promises())).Should().Throw<DamagedStorageException>().Which;
        refused.FilePath.Should().Be(path);
        refused.Position.Should().Be(position);
    }

    [Fact]
    public void A_last_journal_group_torn_at_any_byte_is_cut_and_nothing_else()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Script.Play(disk, promises);
        var whole = life.Run(now => now.ReadRecordsAsync(IsolationLevel.ReadUncommitted)).Records;
        var (path, position) = JournalWrite(disk, fromLast: 0);
        var group = disk.ReadAll(path).AsSpan((int)position, 4096).TrimEnd((byte)0).Length;
        for (var cut = 0; cut < group; cut++)
        {
            var torn = disk.Crash(CrashProfile.AllSurvive, 0);
            using (var file = torn.Open(path, FileOpening.ReadWrite))
                file.Write(position + cut, new byte[4096 - cut]);
            var found = Life.Open(torn, promises).Run(now => now.ReadRecordsAsync(IsolationLevel.ReadUncommitted)).Records;
            Promises.Require(found.Count == whole.Count - 1 && found.All(pair => whole[pair.Key] == pair.Value), $"Cut at byte {cut} of {group}: {found.Count} of {whole.Count} records are left.");
        }
    }

    [Fact]
    public void Damage_in_a_segment_is_told_with_file_and_position_and_never_delivered()
    {
        var disk = new SimulatedDisk();
        Script.Play(disk, new Promises());
        var folder = Life.Root + "/topics/" + disk.List(Life.Root + "/topics").First(name => name.Contains("bulk", StringComparison.Ordinal)).TrimEnd('/');
        var path = folder + "/" + disk.List(folder).First(name => name.EndsWith(".log", StringComparison.Ordinal));
        disk = disk.Crash(CrashProfile.AllSurvive, 0);
        disk.Flip(path, 5000, 1);

        var life = Life.Open(disk, new Promises());
        var refused = life.Invoking(broken => broken.Run(now => now.ReadRecordsAsync())).Should().Throw<DamagedStorageException>().Which;
        refused.FilePath.Should().Be(path);
        refused.Position.Should().Be(0);
    }

    [Fact]
    public void All_five_remembered_batches_are_recognised_as_duplicates_after_a_restart()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        var life = Life.Open(disk, promises);
        life.Run(first => first.CreateTopicsAsync());
        for (var record = 0; record < 7; record++)
        {
            life.Run(first => first.SendAsync(Life.Plain, 1));
            if (record == 4)
                life.Engine.Checkpoint();
        }

        life = Life.Open(disk.Crash(CrashProfile.LostSectors, 3), promises);
        var partition = life.Engine.Partitions.Find(new TopicPartition(Life.Plain.Name, 1))!;
        var batches = BatchesOf(life, partition);
        batches.Should().HaveCount(7);
        foreach (var (header, bytes) in batches.TakeLast(5))
        {
            var receipt = partition.Append(header, bytes, default, life.Engine.NowMs);
            receipt.IsDuplicate.Should().BeTrue();
            receipt.BaseOffset.Should().Be(header.BaseOffset);
        }
    }

    [Fact]
    public void A_transaction_that_was_open_when_the_process_died_is_aborted_by_the_next_opening()
    {
        var (disk, promises) = (new SimulatedDisk(), new Promises());
        Script.Play(disk, promises);
        var life = Life.Open(disk.Crash(CrashProfile.AllSurvive, 0), promises);

        var committed = life.Run(now => now.ReadRecordsAsync());
        var all = life.Run(now => now.ReadRecordsAsync(IsolationLevel.ReadUncommitted));
        promises.CheckAcknowledged(committed);
        all.Records.Count.Should().BeGreaterThan(committed.Records.Count, "aborted records stay in the log");
        foreach (var partition in life.Engine.Partitions.InOrder())
            partition.VisibleMark.LastStable.Should().Be(partition.VisibleMark.LogEnd, "nothing is open in {0}", partition.Name);
    }

    /// <summary>Where the journal's newest writes but n stands.</summary>
    internal static (string Path, long Position) JournalWrite(SimulatedDisk disk, int fromLast)
    {
        var line = disk.Trace.Where(line => line.Contains(" write /data/journal/", StringComparison.Ordinal)).SkipLast(fromLast).Last().Split(' ');
        return (line[2], long.Parse(line[3].Split('+')[0], CultureInfo.InvariantCulture));
    }

    private static List<(BatchHeader Header, byte[] Bytes)> BatchesOf(Life life, Partition partition)
    {
        var batches = new List<(BatchHeader, byte[])>();
        using var cursor = new PartitionCursor(partition, 0, IsolationLevel.ReadUncommitted);
        while (cursor.TryRead(1 << 20, out var run) == CursorStatus.Read)
        {
            var sequence = new BatchSequence(run.Span);
            while (sequence.MoveNext())
                batches.Add((sequence.Current, sequence.Batch.ToArray()));
        }
        return batches;
    }
}
