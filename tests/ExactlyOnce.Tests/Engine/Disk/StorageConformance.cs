using System.Text;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Tests.Engine.Disk;

/// <summary>What every <see cref="IDisk"/> does; inherited once for each implementation.</summary>
public abstract class StorageConformance
{
    private protected abstract IDisk Disk { get; }

    /// <summary>An existing empty directory.</summary>
    private protected abstract string Root { get; }

    private string At(params string[] names) => Path.Combine([Root, .. names]);

    [Fact]
    public void What_is_written_is_read()
    {
        using var file = Disk.Open(At("a"), FileOpening.CreateNew);
        file.Write(0, "hello"u8);
        file.Write(5, " world"u8);
        file.Sync();

        file.Length.Should().Be(11);
        ReadText(file).Should().Be("hello world");
    }

    [Fact]
    public void A_read_is_short_only_at_the_end_of_the_file()
    {
        using var file = Disk.Open(At("a"), FileOpening.CreateNew);
        file.Write(0, new byte[200_000]);

        var buffer = new byte[150_000];
        file.Read(0, buffer).Should().Be(150_000);
        file.Read(150_000, buffer).Should().Be(50_000);
        file.Read(200_000, buffer).Should().Be(0);
        file.Read(300_000, buffer).Should().Be(0);
    }

    [Fact]
    public void A_hole_reads_as_zeros()
    {
        using var file = Disk.Open(At("a"), FileOpening.CreateNew);
        file.Write(100_000, "x"u8);

        var buffer = new byte[100_001];
        buffer.AsSpan().Fill(7);
        file.Read(0, buffer).Should().Be(100_001);
        buffer[..^1].Should().OnlyContain(value => value == 0);
        buffer[^1].Should().Be((byte)'x');
    }

    [Fact]
    public void What_was_cut_off_reads_as_zeros_when_the_file_grows_again()
    {
        using var file = Disk.Open(At("a"), FileOpening.CreateNew);
        file.Write(0, "abcdef"u8);
        file.SetLength(2);
        file.Length.Should().Be(2);
        file.SetLength(4);
        ReadText(file).Should().Be("ab\0\0");
    }

    [Fact]
    public void Opening_for_reading_or_writing_needs_the_file()
    {
        Refused(() => Disk.Open(At("missing"), FileOpening.Read)).Message.Should().Contain("missing");
        Refused(() => Disk.Open(At("missing"), FileOpening.ReadWrite));
        Refused(() => Disk.Open(At("no", "directory"), FileOpening.Create));
    }

    [Fact]
    public void Creating_anew_refuses_a_file_that_exists()
    {
        Put("a", "one");
        Refused(() => Disk.Open(At("a"), FileOpening.CreateNew));
        Text("a").Should().Be("one");
    }

    [Fact]
    public void Creating_empties_a_file_that_exists()
    {
        Put("a", "one");
        using (var file = Disk.Open(At("a"), FileOpening.Create))
            file.Length.Should().Be(0);
        Text("a").Should().Be("");
    }

    [Fact]
    public void A_file_open_for_reading_cannot_be_written()
    {
        Put("a", "one");
        using var file = Disk.Open(At("a"), FileOpening.Read);
        Refused(() => file.Write(0, "x"u8));
        Refused(() => file.SetLength(0));
        Text("a").Should().Be("one");
    }

    [Fact]
    public void A_closed_file_refuses_everything_as_a_storage_failure()
    {
        var file = Disk.Open(At("a"), FileOpening.CreateNew);
        file.Dispose();
        file.Dispose();
        Refused(() => file.Write(0, "x"u8));
        Refused(() => file.Read(0, new byte[1]));
        Refused(file.Sync);
        Refused(() => file.SetLength(1));
        Refused(() => file.Length.Should().Be(0));
    }

    [Fact]
    public void Renaming_replaces_the_target()
    {
        Put("a", "new");
        Put("b", "old");
        Disk.Rename(At("a"), At("b"));
        Disk.SyncDirectory(Root);
        Disk.FileExists(At("a")).Should().BeFalse();
        Text("b").Should().Be("new");
        Refused(() => Disk.Rename(At("a"), At("b")));
        Text("b").Should().Be("new");
    }

    [Fact]
    public void An_open_file_outlives_its_name()
    {
        Put("a", "content");
        using var file = Disk.Open(At("a"), FileOpening.Read);
        Disk.Delete(At("a"));
        ReadText(file).Should().Be("content");
        Refused(() => Disk.Delete(At("a")));
    }

    [Fact]
    public void Directories_are_made_with_their_parents_and_existing_ones_are_left()
    {
        Disk.CreateDirectory(At("x", "y"));
        Put(Path.Combine("x", "y", "f"), "kept");
        Disk.CreateDirectory(At("x", "y"));

        Disk.DirectoryExists(At("x")).Should().BeTrue();
        Disk.DirectoryExists(At("x", "y")).Should().BeTrue();
        Disk.DirectoryExists(At("x", "z")).Should().BeFalse();
        Disk.DirectoryExists(At("x", "y", "f")).Should().BeFalse();
        Disk.FileExists(At("x")).Should().BeFalse();
        Text(Path.Combine("x", "y", "f")).Should().Be("kept");
    }

    [Fact]
    public void A_listing_is_ordered_and_marks_directories()
    {
        Put("b", "");
        Put("B", "");
        Put("a", "");
        Disk.CreateDirectory(At("c", "inner"));
        Disk.List(Root).Should().Equal("B", "a", "b", "c/");
        Refused(() => Disk.List(At("missing")));
    }

    [Fact]
    public void Only_an_empty_directory_is_removed()
    {
        Disk.CreateDirectory(At("d"));
        Put(Path.Combine("d", "f"), "");
        Refused(() => Disk.DeleteDirectory(At("d")));
        Disk.Delete(At("d", "f"));
        Disk.DeleteDirectory(At("d"));
        Disk.DirectoryExists(At("d")).Should().BeFalse();
        Refused(() => Disk.SyncDirectory(At("d")));
    }

    [Fact]
    public void A_lock_is_held_once_and_names_its_owner()
    {
        var first = Disk.TryLock(At("lock"), "pid 1, first", out var owner);
        first.Should().NotBeNull();
        owner.Should().Be("pid 1, first");

        Disk.TryLock(At("lock"), "pid 2, second", out owner).Should().BeNull();
        owner.Should().Be("pid 1, first");

        first!.Dispose();
        first.Dispose();
        using var second = Disk.TryLock(At("lock"), "pid 2", out owner);
        second.Should().NotBeNull();
        owner.Should().Be("pid 2");
    }

    [Fact]
    public void A_disk_that_reports_failing_syncs_passes_the_self_test_and_leaves_nothing_behind()
    {
        Disk.VerifySyncErrorsAreSeen(Root);
        Disk.List(Root).Should().BeEmpty();
        Disk.FreeBytes(Root).Should().BePositive();
    }

    private static StorageException Refused(Action action) => action.Should().Throw<StorageException>().Which;

    private void Put(string name, string text)
    {
        using var file = Disk.Open(At(name), FileOpening.CreateNew);
        file.Write(0, Encoding.UTF8.GetBytes(text));
    }

    private string Text(string name)
    {
        using var file = Disk.Open(At(name), FileOpening.Read);
        return ReadText(file);
    }

    private static string ReadText(IDiskFile file)
    {
        var bytes = new byte[file.Length];
        file.Read(0, bytes).Should().Be(bytes.Length);
        return Encoding.UTF8.GetString(bytes);
    }
}
