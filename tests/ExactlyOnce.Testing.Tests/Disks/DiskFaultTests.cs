using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Tests.Disks;

/// <summary>Errors of a disk that goes on living: each does what its kind does on real ones, at the operation it was planned for.</summary>
public sealed class DiskFaultTests
{
    private readonly SimulatedDisk _disk = new();

    [Fact]
    public void A_planned_fault_counts_only_its_own_kind_of_operations()
    {
        using var file = NewFile();
        _disk.Plan(new PlannedFault(DiskOperations.Sync, 2, FaultKind.IoError));
        file.Write(0, "a"u8);
        file.Sync();
        file.Write(0, "b"u8);
        Fails(file.Sync);
        file.Sync();
    }

    [Fact]
    public void A_fault_for_ever_ends_when_the_disk_is_healed()
    {
        using var file = NewFile();
        _disk.Plan(new PlannedFault(DiskOperations.Read, 1, FaultKind.IoError, ForEver: true));
        for (var read = 0; read < 3; read++)
            Fails(() => file.Read(0, new byte[1]));
        _disk.Heal();
        file.Read(0, new byte[1]).Should().Be(1);
    }

    [Theory]
    [InlineData(nameof(SyncFailure.KeepsCache), 2)]
    [InlineData(nameof(SyncFailure.RevertsCache), 1)]
    public void After_a_failed_sync_readers_see_the_new_bytes_or_the_old_ones_by_the_file_system(string failure, int newest)
    {
        using var file = NewFile();
        _disk.SyncFailure = Enum.Parse<SyncFailure>(failure);
        var seen = new HashSet<byte>();
        for (var round = 0; round < 30; round++)
        {
            file.Write(0, [1]);
            file.Sync();
            file.Write(0, [2]);
            _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);
            Fails(file.Sync);
            seen.Add(_disk.ReadAll("/a")[0]);
        }
        seen.Should().Contain((byte)newest);
        if (failure == nameof(SyncFailure.KeepsCache))
            seen.Should().NotContain(1);
    }

    [Theory]
    [InlineData(nameof(SyncFailure.KeepsCache), true)]
    [InlineData(nameof(SyncFailure.TellsOneHandle), false)]
    public void The_other_handle_of_a_file_is_told_of_a_failed_sync_too_or_is_not(string failure, bool isTold)
    {
        using var first = NewFile();
        using var second = _disk.Open("/a", FileOpening.ReadWrite);
        _disk.SyncFailure = Enum.Parse<SyncFailure>(failure);
        first.Write(0, "x"u8);
        _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);
        Fails(first.Sync);
        if (isTold)
            Fails(second.Sync);
        second.Sync();
        first.Sync();
    }

    [Fact]
    public void A_file_system_that_gave_itself_up_is_read_only_ever_after()
    {
        using var file = NewFile();
        _disk.SyncFailure = SyncFailure.EndsWriting;
        file.Write(0, "x"u8);
        _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);
        Fails(file.Sync);
        Fails(file.Sync).Message.Should().Contain("EROFS");
        Fails(() => file.Write(0, "y"u8));
        Fails(() => _disk.Open("/b", FileOpening.CreateNew));
        file.Read(0, new byte[1]).Should().Be(1);
    }

    [Fact]
    public void A_disk_is_full_at_the_very_byte_and_has_room_again_later()
    {
        using var file = NewFile();
        _disk.LimitSpace(100, FaultKind.QuotaExceeded, returnsAfter: 2);
        file.Write(0, new byte[50]);
        Fails(() => file.Write(50, Enumerable.Repeat((byte)1, 200).ToArray())).Code.Should().Be(ErrorCode.DiskFull);
        file.Length.Should().Be(101, "one byte was there, and a hundred more were allowed");
        Fails(() => file.Write(101, new byte[10]));
        file.Write(101, new byte[10]);
    }

    [Fact]
    public void A_sync_that_lies_leaves_everything_to_be_lost()
    {
        using var file = NewFile();
        file.Write(0, "z"u8);
        _disk.FailAt(_disk.Operations + 1, FaultKind.Lie);
        file.Sync();
        Enumerable.Range(0, 50).Select(seed => _disk.Crash(CrashProfile.Prefix, seed).ReadAll("/a")[0]).Should().Contain((byte)'a').And.Contain((byte)'z');
    }

    [Fact]
    public void A_rotten_or_misdirected_read_says_nothing_and_answers_something_else()
    {
        using var file = NewFile();
        file.Write(0, [.. Enumerable.Range(0, 4096).Select(index => (byte)(index / 512))]);
        _disk.Plan(new PlannedFault(DiskOperations.Read, 1, FaultKind.BitRot));
        _disk.Plan(new PlannedFault(DiskOperations.Write, 1, FaultKind.Misdirected));
        var (rotten, sound) = (new byte[512], new byte[512]);
        file.Read(0, rotten);
        file.Read(0, sound);
        rotten.Zip(sound, (one, other) => System.Numerics.BitOperations.PopCount((uint)(one ^ other))).Sum().Should().Be(1);
        file.Write(0, Enumerable.Repeat((byte)0xEE, 512).ToArray());
        _disk.ReadAll("/a").AsSpan().IndexOf((byte)0xEE).Should().Match(at => at % 512 == 0, "it went to some sector of the file");
    }

    [Fact]
    public void A_stalled_disk_takes_virtual_time_and_a_dead_one_ends_the_machine()
    {
        using var file = NewFile();
        var passed = TimeSpan.Zero;
        _disk.PassTime = time => passed += time;
        _disk.Plan(new PlannedFault(DiskOperations.Write, 1, FaultKind.Stall));
        _disk.Plan(new PlannedFault(DiskOperations.Write, 2, FaultKind.Dead));
        file.Write(0, "x"u8);
        passed.Should().Be(TimeSpan.FromSeconds(10));
        file.Invoking(dead => dead.Write(0, "y"u8)).Should().Throw<SimulatedCrash>();
        _disk.HasCrashed.Should().BeTrue();
    }

    [Fact]
    public void The_same_seed_draws_the_same_disk_and_many_seeds_draw_every_weakness()
    {
        DiskFaults.Draw(7).Should().Be(DiskFaults.Draw(7));
        var drawn = Enumerable.Range(0, 500).Select(DiskFaults.Draw).ToList();
        drawn.Should().OnlyContain(faults => faults.IsWithinPromise);
        drawn.Select(faults => faults.Loss.Profile).Distinct().Should().HaveCount(4);
        drawn.Select(faults => faults.SyncFailure).Distinct().Should().HaveCount(4);
        drawn.Should().Contain(faults => faults.ReadErrorRate > 0).And.Contain(faults => faults.WriteErrorRate > 0).And.Contain(faults => faults.SyncErrorRate > 0)
            .And.Contain(faults => faults.StallRate > 0).And.Contain(faults => faults.SpaceBytes < long.MaxValue).And.Contain(faults => faults.IsPermanent);
        Enumerable.Range(0, 500).Select(DiskFaults.DrawBeyondPromise).Should().Contain(faults => faults.RotRate > 0).And.Contain(faults => faults.LieRate > 0)
            .And.Contain(faults => faults.MisdirectedRate > 0).And.Contain(faults => faults.Loss.SectorBytes == 1);
    }

    [Fact]
    public void A_permanent_error_comes_back_at_the_same_file_until_the_disk_is_healed()
    {
        using var file = NewFile();
        _disk.Weaken(new DiskFaults { ReadErrorRate = 0.5, IsPermanent = true });
        var errors = 0;
        for (var read = 0; read < 40; read++)
        {
            try
            {
                file.Read(0, new byte[1]);
                errors.Should().Be(0, "what has failed once fails always");
            }
            catch (StorageException)
            {
                errors++;
            }
        }
        errors.Should().BePositive();
        _disk.Heal();
        file.Read(0, new byte[1]).Should().Be(1);
    }

    private static StorageException Fails(Action act) => act.Should().Throw<StorageException>().Which;

    private IDiskFile NewFile()
    {
        var file = _disk.Open("/a", FileOpening.CreateNew);
        file.Write(0, "a"u8);
        file.Sync();
        _disk.SyncDirectory("/");
        return file;
    }
}
