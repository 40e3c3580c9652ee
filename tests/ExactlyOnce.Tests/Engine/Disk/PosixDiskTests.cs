using System.Globalization;
using System.Runtime.Versioning;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Tests.Engine.Disk;

public sealed class PosixDiskTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly PosixDisk _disk = new();

    public void Dispose() => _directory.Dispose();

    [UnixFact]
    [UnsupportedOSPlatform("windows")]
    public void Files_and_directories_are_for_their_owner_only()
    {
        var directory = Path.Combine(_directory.Path, "a", "b");
        _disk.CreateDirectory(directory);
        _disk.Open(Path.Combine(directory, "f"), FileOpening.CreateNew).Dispose();
        _disk.TryLock(Path.Combine(directory, "lock"), "me", out _)!.Dispose();

        File.GetUnixFileMode(Path.Combine(_directory.Path, "a")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode(directory).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode(Path.Combine(directory, "f")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.GetUnixFileMode(Path.Combine(directory, "lock")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [UnixFact]
    public unsafe void A_sync_that_fails_is_seen_as_failing()
    {
        var ends = stackalloc int[2];
        Libc.Pipe(ends).Should().Be(0);
        using var reader = new PosixDescriptor(ends[0]);
        using var writer = new PosixDescriptor(ends[1]);

        var sync = () => PosixDisk.Sync(writer, isDirectory: false, "/some/file");
        sync.Should().Throw<StorageException>().WithMessage("*fdatasync of '/some/file'*errno*");
    }

    [FullDeviceFact]
    public void A_full_disk_says_so_and_what_to_do()
    {
        using var file = _disk.Open(FullDeviceFactAttribute.Path, FileOpening.ReadWrite);
        var write = () => file.Write(0, new byte[100]);
        var thrown = write.Should().Throw<StorageException>().Which;
        thrown.Code.Should().Be(ErrorCode.DiskFull);
        thrown.Message.Should().Contain(FullDeviceFactAttribute.Path).And.Contain("Free space");
    }

    [UnixFact]
    public void A_failure_names_the_operation_the_path_and_the_reason()
    {
        var missing = Path.Combine(_directory.Path, "missing");
        var open = () => _disk.Open(missing, FileOpening.Read);
        open.Should().Throw<StorageException>().WithMessage($"*open*{missing}*No such file*");
    }

    [UnixFact]
    public void The_lock_holds_against_another_name_of_the_same_file()
    {
        var real = Path.Combine(_directory.Path, "real");
        var alias = Path.Combine(_directory.Path, "alias");
        _disk.CreateDirectory(real);
        Directory.CreateSymbolicLink(alias, real);
        using var held = _disk.TryLock(Path.Combine(real, "lock"), LockOwner.Describe(), out _);

        // Not the list of this process's locks refuses this one, but the operating system: as it would refuse another process.
        new PosixDisk().TryLock(Path.Combine(alias, "lock"), "intruder", out var owner).Should().BeNull();
        owner.Should().Contain(System.Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
    }

    [Fact]
    public void The_owner_is_described_by_pid_and_start()
    {
        LockOwner.Describe().Should().MatchRegex(@"^pid \d+, started \d{4}-\d\d-\d\dT[\d:.]+Z(, boot [0-9a-f-]{36})?$");
    }
}
