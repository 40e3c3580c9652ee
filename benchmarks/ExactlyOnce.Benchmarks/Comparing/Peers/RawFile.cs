using System.Diagnostics;
using System.Runtime.InteropServices;
using ExactlyOnce.Engine.Disk;
using Microsoft.Win32.SafeHandles;

namespace ExactlyOnce.Benchmarks.Comparing.Peers;

/// <summary>The disk by itself: what no log on it can beat.</summary>
internal sealed class RawFile : IDisposable
{
    public const string Name = "raw file";

    private const string Lacks = "bytes only: no records, no checksums, no index, no recovery";
    private const int BlockBytes = 4096;
    private const int PieceBytes = 1 << 20;
    private const int ZeroedBytes = 16 << 20;

    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _piece = GC.AllocateArray<byte>(PieceBytes, pinned: true);
    private SafeFileHandle? _zeroed;
    private int _block;

    /// <summary>
    /// A block of 4 KiB and <c>fdatasync</c>, again and again, into a file that holds zeroes already: nothing but the block has to be written.
    /// </summary>
    public Contestant Committing(TimeSpan duration) => new(Name, share => Task.FromResult(MeasureCommits(duration * share)), Lacks);

    /// <summary>So many bytes, in pieces of 1 MiB, and one <c>fdatasync</c> at the end.</summary>
    public Contestant Streaming(long bytes, int recordBytes) => new(Name, share => Task.FromResult(MeasureStream((long)(bytes * share), recordBytes)), Lacks);

    /// <summary>The same files, read in pieces that fit the processor's cache, which is faster than larger ones.</summary>
    public static Contestant Reading(IReadOnlyList<string> files) => new(Name, _ => Task.FromResult(MeasureRead(files)), Lacks);

    private Figure[] MeasureCommits(TimeSpan duration)
    {
        _zeroed ??= CreateZeroed();
        var run = Committers.RunThreads(1, duration, _ => Commit(_zeroed));
        return run.Figures(Quantity.Commits);
    }

    private void Commit(SafeFileHandle file)
    {
        RandomAccess.Write(file, _piece.AsSpan(0, BlockBytes), (long)_block * BlockBytes);
        _block = (_block + 1) % (ZeroedBytes / BlockBytes);
        Sync(file);
    }

    private Figure[] MeasureStream(long bytes, int recordBytes)
    {
        var path = Path.Combine(_folder.Path, "stream");
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            var clock = Stopwatch.StartNew();
            for (var at = 0L; at < bytes; at += PieceBytes)
                RandomAccess.Write(file, _piece.AsSpan(0, (int)Math.Min(PieceBytes, bytes - at)), at);
            Sync(file);
            var seconds = clock.Elapsed.TotalSeconds;
            Verify.Equal(bytes, RandomAccess.GetLength(file), "bytes are in the file");
            File.Delete(path);
            return [new Figure(Quantity.Records, bytes / recordBytes / seconds), new Figure(Quantity.Bytes, bytes / seconds)];
        }
    }

    private static Figure[] MeasureRead(IReadOnlyList<string> files)
    {
        var buffer = new byte[64 << 10];
        var (read, expected) = (0L, files.Sum(path => new FileInfo(path).Length));
        var clock = Stopwatch.StartNew();
        foreach (var path in files)
        {
            using var file = File.OpenHandle(path);
            for (var at = 0L; RandomAccess.Read(file, buffer, at) is var count and > 0; at += count)
                read += count;
        }
        var seconds = clock.Elapsed.TotalSeconds;
        Verify.Equal(expected, read, "bytes were read from the files");
        return [new Figure(Quantity.Bytes, read / seconds)];
    }

    private SafeFileHandle CreateZeroed()
    {
        var file = File.OpenHandle(Path.Combine(_folder.Path, "zeroed"), FileMode.Create, FileAccess.Write);
        for (var at = 0L; at < ZeroedBytes; at += PieceBytes)
            RandomAccess.Write(file, _piece, at);
        Sync(file);
        return file;
    }

    private static void Sync(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
            RandomAccess.FlushToDisk(file);
        else if (Libc.Sync(file, isDirectory: false) != 0)
            throw new IOException($"fdatasync failed with {Marshal.GetLastPInvokeError()}.");
    }

    public void Dispose()
    {
        _zeroed?.Dispose();
        _folder.Dispose();
    }
}
