using System.Globalization;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Tests.Engine.Disk;
using Microsoft.Win32.SafeHandles;
using Xunit.Abstractions;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// What .NET's base library has done, or still does, to those who store with it. Each says what the present runtime does, so that we hear on which runtimes our
/// own way carries the load, and demands that our way is right on every one.
/// </summary>
public sealed class RuntimeMuseumTests(ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly PosixDisk _disk = new();

    public void Dispose() => _directory.Dispose();

    // Measured on .NET 10.0.12: a comparison is assigned in the place of a result, and FlushToDisk succeeds whatever the kernel says. Neither a descriptor that
    // does not exist nor a pipe can be synced.
    [UnixFact]
    public unsafe void Museum_N01_FsyncErrorHidden()
    {
        using var nobody = new SafeFileHandle(int.MaxValue, ownsHandle: false);
        Report("FlushToDisk of a descriptor that does not exist", ChildProcess.Outcome(() => RandomAccess.FlushToDisk(nobody)));

        var ends = stackalloc int[2];
        Libc.Pipe(ends).Should().Be(0);
        using var missing = new PosixDescriptor(int.MaxValue);
        using var reader = new PosixDescriptor(ends[0]);
        using var writer = new PosixDescriptor(ends[1]);
        foreach (var impossible in new[] { missing, reader, writer })
            foreach (var isDirectory in new[] { false, true })
                FluentActions.Invoking(() => PosixDisk.Sync(impossible, isDirectory, "/some/file")).Should().Throw<StorageException>();
        FluentActions.Invoking(() => _disk.VerifySyncErrorsAreSeen(_directory.Path)).Should().NotThrow("a broker proves this at every opening");
    }

    // dotnet/runtime PRs 108380, 109340, 109826. A gathering write that the kernel cut short lost the rest without a word. In a process whose files may have
    // 4,500 bytes, 8,000 are written.
    [UnixFact]
    public void Museum_N02_ShortWriteLost()
    {
        var seen = WriteUnderALimit();
        Report("RandomAccess.Write of eight buffers, cut short", $"{seen["gathered"]}, {seen["length of gathered"]} bytes in the file");
        Report("RandomAccess.Write of one buffer, cut short", $"{seen["single"]}, {seen["length of single"]} bytes in the file");

        seen["ours"].Should().Be(nameof(StorageException), "what is missing is said");
        seen["length of ours"].Should().Be($"{ChildProcess.FileBytesMax}", "the rest is garbage for recovery to cut, not something to write over");
    }

    // A file above its limit is told as an argument that is out of range, so whoever catches IOException only goes on as if nothing were.
    [UnixFact]
    public void Museum_N03_FileTooLargeIsAnArgument()
    {
        var seen = WriteUnderALimit();
        Report("RandomAccess.Write above the limit", seen["single"]);

        seen["ours"].Should().Be(nameof(StorageException));
        seen["broker"].Should().Be(nameof(StorageException), "a broker that cannot write its journal says so in its own words");
    }

    // With an environment variable FileShare.None locks nothing, and two processes write the same file.
    [UnixFact]
    public void Museum_N04_LockDisabledByEnvironment()
    {
        var (shared, locked) = (Path.Combine(_directory.Path, "shared"), Path.Combine(_directory.Path, "locked"));
        using var exclusive = new FileStream(shared, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        using var held = _disk.TryLock(locked, "the owner", out _);
        held.Should().NotBeNull();

        var seen = ChildProcess.Run(["locked", shared, locked], ("DOTNET_SYSTEM_IO_DISABLEFILELOCKING", "1"));

        Report("FileShare.None of a second process", seen["base library"]);
        seen["ours"].Should().Be("refused");
        seen["owner"].Should().Be("the owner");
    }

    // dotnet/runtime #77373, #99445. On .NET 7 the first Flush(true) of a stream did not reach fsync. The first thing that a process does is a sync that cannot
    // succeed.
    [UnixFact]
    public void Museum_N05_FirstFlushSkipsFsync()
    {
        var seen = ChildProcess.Run(["first sync"]);
        Report("the first FlushToDisk of a process, of a descriptor that does not exist", seen["base library"]);

        seen["ours"].Should().Be(nameof(StorageException), "it reached the kernel");
    }

    // dotnet/runtime #1816. FileStream kept bytes in memory and hid their failing write when it was disposed. Ours keeps none: the write itself fails, and
    // closing has nothing to say.
    [FullDeviceFact]
    public void Museum_N06_DisposeHidesWriteErrors()
    {
        Report("disposing a FileStream whose ten bytes do not fit", ChildProcess.Outcome(() =>
        {
            using var stream = new FileStream(FullDeviceFactAttribute.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 4096);
            stream.Write(new byte[10]);
        }));

        var file = _disk.Open(FullDeviceFactAttribute.Path, FileOpening.ReadWrite);
        FluentActions.Invoking(() => file.Write(0, new byte[10])).Should().Throw<StorageException>().Which.Code.Should().Be(ErrorCode.DiskFull);
        FluentActions.Invoking(file.Dispose).Should().NotThrow();
    }

    // dotnet/runtime #124722. On macOS, Flush(true) cut files on SMB shares to nothing. Where this runs is said; on a share, set TMPDIR to it.
    [UnixFact]
    public void Museum_N07_FlushTruncatesFiles()
    {
        var path = Path.Combine(_directory.Path, "file");
        using (var stream = new FileStream(path, FileMode.Create))
        {
            stream.Write(new byte[10_000]);
            stream.Flush(flushToDisk: true);
        }
        Report($"length after Flush(true) of 10,000 bytes in {_directory.Path} on {System.Runtime.InteropServices.RuntimeInformation.OSDescription}", $"{new FileInfo(path).Length}");

        using var file = _disk.Open(Path.Combine(_directory.Path, "ours"), FileOpening.CreateNew);
        for (var round = 1; round <= 3; round++)
        {
            file.Write((round - 1) * 10_000, Enumerable.Repeat((byte)round, 10_000).ToArray());
            file.Sync();
            var read = new byte[10_000];
            (file.Length, file.Read((round - 1) * 10_000, read)).Should().Be((round * 10_000L, 10_000));
            read.Should().OnlyContain(value => value == round);
        }
    }

    private Dictionary<string, string> WriteUnderALimit()
    {
        var seen = ChildProcess.Run(["limited", _directory.Path]);
        int.Parse(seen["length of single"], CultureInfo.InvariantCulture).Should().Be(ChildProcess.FileBytesMax, "the limit holds");
        return seen;
    }

    private void Report(string what, string seen) => output.WriteLine($".NET {System.Environment.Version}: {what}: {seen}");
}
