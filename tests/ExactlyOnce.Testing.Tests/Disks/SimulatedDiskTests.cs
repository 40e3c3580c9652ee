using System.Text;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Tests.Disks;

/// <summary>The fault disk is what other tests trust, so it is tested too: it must be able to lose everything that a disk may lose, and nothing else.</summary>
public sealed class SimulatedDiskTests
{
    private readonly SimulatedDisk _disk = new();

    [Fact]
    public void What_was_synced_survives_every_crash()
    {
        using (var file = _disk.Open("/a", FileOpening.CreateNew))
        {
            file.Write(0, "synced"u8);
            file.Sync();
            _disk.SyncDirectory("/");
            file.Write(0, "later!"u8);
        }
        foreach (var profile in Enum.GetValues<CrashProfile>())
        {
            for (var seed = 0; seed < 20; seed++)
                Text(_disk.Crash(profile, seed), "/a").Should().MatchRegex("^[synced|later!]{6}$").And.HaveLength(6);
        }
    }

    [Fact]
    public void A_power_cut_can_lose_an_unsynced_write_a_kill_cannot()
    {
        using (var file = _disk.Open("/a", FileOpening.CreateNew))
            file.Sync();
        _disk.SyncDirectory("/");
        using (var file = _disk.Open("/a", FileOpening.ReadWrite))
            file.Write(0, "unsynced"u8);

        Outcomes(CrashProfile.LostSectors).Should().Contain("").And.Contain("unsynced").And.Contain("\0\0\0\0\0\0\0\0");
        Outcomes(CrashProfile.Prefix).Should().Contain("").And.Contain("unsynced").And.Contain("uns");
        Outcomes(CrashProfile.Torn).Should().BeEquivalentTo("", "unsynced");
        Outcomes(CrashProfile.AllSurvive).Should().Equal("unsynced");
        HashSet<string> Outcomes(CrashProfile profile) => [.. Enumerable.Range(0, 100).Select(seed => Text(_disk.Crash(profile, seed), "/a"))];
    }

    [Fact]
    public void What_a_kill_left_in_the_cache_can_still_be_lost_by_a_power_cut()
    {
        using (var file = _disk.Open("/a", FileOpening.CreateNew))
        {
            _disk.SyncDirectory("/");
            file.Write(0, "cached"u8);
        }
        var reopened = _disk.Crash(CrashProfile.AllSurvive, 0);
        Text(reopened, "/a").Should().Be("cached");
        Enumerable.Range(0, 50).Select(seed => Text(reopened.Crash(CrashProfile.Prefix, seed), "/a")).Should().Contain("");
    }

    [Fact]
    public void A_failed_sync_calls_lost_pages_clean()
    {
        using var file = _disk.Open("/a", FileOpening.CreateNew);
        _disk.SyncDirectory("/");
        for (var round = 0; round < 20; round++)
        {
            file.Write(round * 512, Enumerable.Repeat((byte)1, 512).ToArray());
            _disk.FailAt(_disk.Operations + 1, FaultKind.IoError);
            file.Invoking(file => file.Sync()).Should().Throw<StorageException>();
            file.Sync();
        }
        file.Write(20 * 512, new byte[] { 9 });
        file.Sync();

        _disk.ReadAll("/a")[..^1].Should().OnlyContain(value => value == 1);
        var survivor = _disk.Crash(CrashProfile.AllSurvive, 1).Crash(CrashProfile.Prefix, 1).ReadAll("/a");
        survivor[^1].Should().Be(9);
        survivor[..^1].Should().Contain((byte)0);
    }

    [Fact]
    public void A_crash_point_stops_every_later_operation()
    {
        _disk.CrashAt(3);
        var file = _disk.Open("/a", FileOpening.CreateNew);
        file.Write(0, "x"u8);
        file.Invoking(file => file.Sync()).Should().Throw<SimulatedCrash>();
        file.Invoking(file => file.Read(0, new byte[1])).Should().Throw<SimulatedCrash>();
        _disk.Invoking(disk => disk.List("/")).Should().Throw<SimulatedCrash>();
    }

    [Fact]
    public void A_full_disk_takes_part_of_the_write()
    {
        using var file = _disk.Open("/a", FileOpening.CreateNew);
        _disk.FailAt(2, FaultKind.NoSpace);
        file.Invoking(file => file.Write(0, new byte[1000])).Should().Throw<StorageException>().Which.Code.Should().Be(ErrorCode.DiskFull);
        file.Length.Should().BeInRange(1, 999);
    }

    [Fact]
    public void A_rename_that_was_not_synced_leaves_the_old_or_the_new_name()
    {
        using (var file = _disk.Open("/old", FileOpening.CreateNew))
            file.Sync();
        _disk.SyncDirectory("/");
        _disk.Rename("/old", "/new");
        var names = Enumerable.Range(0, 50).Select(seed => string.Join(',', _disk.Crash(CrashProfile.LostSectors, seed).List("/"))).ToHashSet();
        names.Should().BeEquivalentTo("old", "new");
    }

    [Fact]
    public void The_same_seed_gives_the_same_survivors()
    {
        using (var file = _disk.Open("/a", FileOpening.CreateNew))
        {
            _disk.SyncDirectory("/");
            for (var write = 0; write < 20; write++)
                file.Write(write * 700, Encoding.ASCII.GetBytes(new string((char)('a' + write), 700)));
        }
        foreach (var profile in Enum.GetValues<CrashProfile>())
            _disk.Crash(profile, 42).ReadAll("/a").Should().Equal(_disk.Crash(profile, 42).ReadAll("/a"));
    }

    private static string Text(SimulatedDisk disk, string path) => Encoding.ASCII.GetString(disk.ReadAll(path));
}
