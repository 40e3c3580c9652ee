using System.Text;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Tests.Disks;

/// <summary>The lossy disk must lose what a power cut could, and nothing else: the next disk on the same directory stands for the next process.</summary>
public sealed class LossyDiskTests
{
    private const string Root = "/data";
    private const string Limbo = "/limbo";

    private readonly MemoryDisk _device = new();

    public LossyDiskTests()
    {
        _device.CreateDirectory(Root);
        _device.CreateDirectory(Limbo);
    }

    [Fact]
    public void What_was_written_and_not_synced_is_gone_in_the_next_process()
    {
        var disk = Start();
        using var file = CreateDurable(disk, "/data/a", "synced");
        file.Write(0, "lost"u8);
        Text(disk, "/data/a").Should().Be("losted");

        Text(Start(), "/data/a").Should().Be("synced");
    }

    [Fact]
    public void A_file_whose_folder_was_not_synced_is_gone_though_its_bytes_were_synced()
    {
        var disk = Start();
        using (var file = disk.Open("/data/a", FileOpening.CreateNew))
        {
            file.Write(0, "bytes"u8);
            file.Sync();
        }
        disk.FileExists("/data/a").Should().BeTrue();

        Start().FileExists("/data/a").Should().BeFalse();
    }

    [Fact]
    public void A_file_whose_folder_was_synced_and_whose_bytes_were_not_is_there_and_empty()
    {
        var disk = Start();
        using var file = disk.Open("/data/a", FileOpening.CreateNew);
        file.Write(0, "bytes"u8);
        disk.SyncDirectory("/data");

        Text(Start(), "/data/a").Should().BeEmpty();
    }

    [Fact]
    public void A_rename_counts_when_its_folder_is_synced_and_not_before()
    {
        var disk = Start();
        CreateDurable(disk, "/data/old", "old").Dispose();
        CreateDurable(disk, "/data/new", "new").Dispose();
        disk.Rename("/data/new", "/data/old");
        Text(disk, "/data/old").Should().Be("new");
        Text(Start(), "/data/old").Should().Be("old");

        disk.SyncDirectory("/data");
        var next = Start();
        Text(next, "/data/old").Should().Be("new");
        next.FileExists("/data/new").Should().BeFalse();
    }

    [Fact]
    public void A_deleted_file_comes_back_unless_its_folder_is_synced()
    {
        var disk = Start();
        CreateDurable(disk, "/data/a", "bytes").Dispose();
        disk.Delete("/data/a");
        disk.FileExists("/data/a").Should().BeFalse();
        Text(Start(), "/data/a").Should().Be("bytes");

        disk.SyncDirectory("/data");
        Start().FileExists("/data/a").Should().BeFalse();
    }

    [Fact]
    public void Nothing_in_a_folder_is_durable_before_the_folder_is()
    {
        var disk = Start();
        disk.CreateDirectory("/data/inner");
        CreateDurable(disk, "/data/inner/a", "bytes").Dispose();
        Start().DirectoryExists("/data/inner").Should().BeFalse();

        disk.SyncDirectory("/data");
        Text(Start(), "/data/inner/a").Should().Be("bytes");
    }

    [Fact]
    public void A_truncation_that_was_not_synced_is_undone_and_a_synced_one_leaves_no_old_bytes_behind_the_cut()
    {
        var disk = Start();
        using var file = CreateDurable(disk, "/data/a", "0123456789");
        file.SetLength(2);
        file.Write(6, "x"u8);
        Text(disk, "/data/a").Should().Be("01\0\0\0\0x");
        Text(Start(), "/data/a").Should().Be("0123456789");

        file.Sync();
        Text(Start(), "/data/a").Should().Be("01\0\0\0\0x");
    }

    [Fact]
    public void Some_of_what_was_not_synced_may_reach_the_device_early_and_the_rest_is_as_it_was()
    {
        var outcomes = new HashSet<string>();
        for (var seed = 0; seed < 40; seed++)
        {
            var disk = Start(seed, writeBackRate: 0.5);
            var path = $"/data/{seed}";
            using (var file = CreateDurable(disk, path, new string('a', 3 * 4096)))
                for (var page = 0; page < 3; page++)
                    file.Write(page * 4096, Encoding.ASCII.GetBytes(new string('b', 4096)));
            var found = Text(Start(), path);
            found.Should().HaveLength(3 * 4096).And.MatchRegex("^[ab]+$");
            outcomes.Add(found);
        }
        outcomes.Count.Should().BeGreaterThan(3, "pages are written back in no order, and torn");
    }

    private LossyDisk Start(int seed = 0, double writeBackRate = 0) => new(_device, Root, Limbo, seed, writeBackRate);

    private static IDiskFile CreateDurable(LossyDisk disk, string path, string text)
    {
        var file = disk.Open(path, FileOpening.CreateNew);
        file.Write(0, Encoding.ASCII.GetBytes(text));
        file.Sync();
        disk.SyncDirectory(Path.GetDirectoryName(path)!);
        return file;
    }

    private static string Text(IDisk disk, string path)
    {
        using var file = disk.Open(path, FileOpening.Read);
        var bytes = new byte[file.Length];
        file.Read(0, bytes);
        return Encoding.ASCII.GetString(bytes);
    }
}
