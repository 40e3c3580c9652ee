using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Tests.Disks;

/// <summary>Each profile of a power cut must be able to lose what it says, and nothing else.</summary>
public sealed class PowerLossTests
{
    private const int Draws = 300;

    private readonly SimulatedDisk _disk = new();

    [Theory]
    [InlineData(CrashProfile.Prefix)]
    [InlineData(CrashProfile.OrderedData)]
    [InlineData(CrashProfile.MetadataFirst)]
    [InlineData(CrashProfile.Adversarial)]
    public void What_was_synced_survives_whatever_is_lost_around_it(CrashProfile profile)
    {
        using var file = NewFile("/a", Filled(1, 4096));
        file.Write(4096, Filled(2, 4096));
        file.Write(0, Filled(3, 512));
        NewFile("/b", Filled(4, 100)).Dispose();
        _disk.Delete("/b");

        foreach (var survivor in Survivors(profile))
        {
            var bytes = survivor.ReadAll("/a");
            bytes.Length.Should().BeGreaterThanOrEqualTo(4096);
            bytes[512..4096].Should().OnlyContain(value => value == 1);
            bytes[..512].Should().OnlyContain(value => value == 1 || value == 3);
        }
    }

    [Fact]
    public void A_prefix_keeps_no_write_behind_a_lost_one()
    {
        using var file = NewFile("/a", Filled(1, 2048));
        for (var write = 0; write < 4; write++)
            file.Write(write * 512, Filled(9, 512));

        var kept = Survivors(CrashProfile.Prefix).Select(survivor => survivor.ReadAll("/a").TakeWhile(value => value == 9).Count() is var front &&
            survivor.ReadAll("/a").Skip(front).All(value => value == 1) ? front : -1).ToHashSet();
        kept.Should().NotContain(-1).And.Contain(2048).And.Contain(front => front < 512);
        kept.Count.Should().BeGreaterThan(20, "a write is torn at any byte");
    }

    [Fact]
    public void Ordered_data_never_shows_a_byte_that_was_not_written()
    {
        using var grown = NewFile("/a", Filled(1, 512));
        using var other = NewFile("/b", []);
        grown.Write(512, Filled(2, 4096));
        other.Write(0, Filled(2, 1024));
        _disk.Rename("/b", "/c");

        var survivors = Survivors(CrashProfile.OrderedData);
        foreach (var survivor in survivors)
            survivor.ReadAll("/a").Should().OnlyContain(value => value == 1 || value == 2, "a file is longer only by what is there");
        survivors.Select(survivor => survivor.ReadAll("/a").Length).Distinct().Should().Contain([512, 4608]).And.HaveCountGreaterThan(4);
        survivors.Should().Contain(survivor => survivor.FileExists("/c") && survivor.ReadAll("/c").Length == 0, "a new name is durable before its file's data, with delayed allocation");
        survivors.Should().Contain(survivor => survivor.FileExists("/b") && survivor.ReadAll("/a").Length == 4608);
    }

    [Fact]
    public void Metadata_first_keeps_names_and_sizes_and_shows_zeros_chance_or_an_older_file_where_data_is_lost()
    {
        NewFile("/old", Filled(7, 8192)).Dispose();
        _disk.Delete("/old");
        _disk.SyncDirectory("/");
        using var file = NewFile("/a", []);
        file.Write(0, Filled(2, 8192));

        var survivors = Survivors(CrashProfile.MetadataFirst).Select(survivor => survivor.ReadAll("/a")).ToList();
        survivors.Should().OnlyContain(bytes => bytes.Length == 8192);
        survivors.Should().Contain(bytes => bytes.All(value => value == 2));
        survivors.Should().Contain(bytes => bytes.Contains((byte)0));
        survivors.Should().Contain(bytes => bytes.Contains((byte)7), "a stale sector shows the deleted file");
        survivors.Should().Contain(bytes => bytes.Any(value => value != 0 && value != 2 && value != 7));
    }

    [Fact]
    public void The_adversary_keeps_any_subset_of_sectors_and_of_names()
    {
        NewFile("/a", Filled(1, 1024)).Dispose();
        using (var file = _disk.Open("/a", FileOpening.ReadWrite))
            file.Write(0, Filled(2, 1024));
        _disk.Open("/b", FileOpening.CreateNew).Dispose();
        _disk.Open("/c", FileOpening.CreateNew).Dispose();

        var survivors = Survivors(CrashProfile.Adversarial);
        survivors.Select(survivor => (survivor.ReadAll("/a")[0], survivor.ReadAll("/a")[512])).Distinct().Should().BeEquivalentTo(
            [((byte)1, (byte)1), ((byte)1, (byte)2), ((byte)2, (byte)1), ((byte)2, (byte)2)]);
        survivors.Select(survivor => (survivor.FileExists("/b"), survivor.FileExists("/c"))).Distinct().Should().HaveCount(4);
    }

    [Fact]
    public void A_sector_of_4096_bytes_is_written_whole_or_not_at_all()
    {
        using var file = NewFile("/a", Filled(1, 8192));
        file.Write(0, Filled(2, 8192));

        foreach (var bytes in Survivors(CrashProfile.Adversarial, sectorBytes: 4096).Select(survivor => survivor.ReadAll("/a")))
            (bytes[..4096].Distinct().Count(), bytes[4096..].Distinct().Count()).Should().Be((1, 1));
    }

    [Fact]
    public void A_disk_without_sectors_tears_anywhere()
    {
        using var file = NewFile("/a", Filled(1, 512));
        file.Write(0, Filled(2, 512));

        Survivors(CrashProfile.Adversarial, sectorBytes: 1).Select(survivor => survivor.ReadAll("/a")).Should().Contain(
            bytes => bytes[0] == 2 && bytes[511] == 2 && bytes.Contains((byte)1), "the middle can be lost");
    }

    [Fact]
    public void A_copy_and_its_original_share_nothing_that_either_changes()
    {
        using var file = NewFile("/a", Filled(1, 10_000));
        var copy = _disk.Fork();
        copy.Fingerprint().Should().Be(_disk.Fingerprint());
        file.Write(5000, Filled(2, 100));
        copy.ReadAll("/a").Should().OnlyContain(value => value == 1);
        copy.Flip("/a", 9000, 0xFF);
        _disk.ReadAll("/a")[9000].Should().Be(1);
        copy.Fingerprint().Should().NotBe(_disk.Fingerprint());
    }

    private List<SimulatedDisk> Survivors(CrashProfile profile, int sectorBytes = 512) =>
        [.. Enumerable.Range(0, Draws).Select(seed => _disk.Crash(new PowerLoss(profile, seed) { SectorBytes = sectorBytes }))];

    private IDiskFile NewFile(string path, byte[] bytes)
    {
        var file = _disk.Open(path, FileOpening.CreateNew);
        file.Write(0, bytes);
        file.Sync();
        _disk.SyncDirectory("/");
        return file;
    }

    private static byte[] Filled(byte value, int count) => [.. Enumerable.Repeat(value, count)];
}
