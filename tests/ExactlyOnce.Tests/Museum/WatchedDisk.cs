using System.Collections.Concurrent;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// A disk that counts what is opened and read, and lets a test act in the very middle of the engine's work: right before any operation, on the thread that does
/// it. What the test does there touches the disk itself without being watched.
/// </summary>
internal sealed class WatchedDisk(IDisk disk) : IDisk
{
    private readonly ConcurrentDictionary<string, int> _opens = [];
    private readonly ConcurrentDictionary<string, long> _bytesRead = [];
    private int _isWatching;

    /// <summary>Called before each operation that changes something, and each sync: its verb and its path.</summary>
    public Action<string, string>? Before { get; set; }

    /// <summary>Called after a file was synced, with its path, before the caller knows it.</summary>
    public Action<string>? Synced { get; set; }

    /// <summary>Called before each read of a file, with its path.</summary>
    public Action<string>? Reading { get; set; }

    /// <summary>When it answers true for a path, the write leaves all of itself but one byte and reports a full disk.</summary>
    public Predicate<string>? IsShortOfOneByte { get; set; }

    /// <summary>How often files were opened whose name ends so.</summary>
    public int OpensOf(string suffix) => _opens.Where(entry => entry.Key.EndsWith(suffix, StringComparison.Ordinal)).Sum(entry => entry.Value);

    /// <summary>How many bytes were read from files whose path contains this.</summary>
    public long BytesReadFrom(string part) => _bytesRead.Where(entry => entry.Key.Contains(part, StringComparison.Ordinal)).Sum(entry => entry.Value);

    public void CreateDirectory(string path)
    {
        Watch("mkdir", path);
        disk.CreateDirectory(path);
    }

    public bool DirectoryExists(string path) => disk.DirectoryExists(path);

    public bool FileExists(string path) => disk.FileExists(path);

    public IReadOnlyList<string> List(string path) => disk.List(path);

    public IDiskFile Open(string path, FileOpening opening)
    {
        if (opening is FileOpening.Create or FileOpening.CreateNew)
            Watch("create", path);
        _opens.AddOrUpdate(path, 1, static (_, count) => count + 1);
        return new WatchedFile(this, disk.Open(path, opening));
    }

    public void Rename(string source, string target)
    {
        Watch("rename", source);
        disk.Rename(source, target);
    }

    public void Delete(string path)
    {
        Watch("unlink", path);
        disk.Delete(path);
    }

    public void DeleteDirectory(string path)
    {
        Watch("rmdir", path);
        disk.DeleteDirectory(path);
    }

    public void SyncDirectory(string path)
    {
        Watch("sync directory", path);
        disk.SyncDirectory(path);
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner) => disk.TryLock(path, ownerText, out owner);

    public void VerifySyncErrorsAreSeen(string directory) => disk.VerifySyncErrorsAreSeen(directory);

    public long FreeBytes(string directory) => disk.FreeBytes(directory);

    private void Watch(string operation, string path) => Act(Before is { } before ? () => before(operation, path) : null);

    private void Act(Action? act)
    {
        if (act is null || Interlocked.Exchange(ref _isWatching, 1) != 0)
            return;
        try
        {
            act();
        }
        finally
        {
            Volatile.Write(ref _isWatching, 0);
        }
    }

    private sealed class WatchedFile(WatchedDisk watched, IDiskFile file) : IDiskFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(long position, Span<byte> buffer)
        {
            if (watched.Reading is { } reading)
                watched.Act(() => reading(Path));
            var count = file.Read(position, buffer);
            watched._bytesRead.AddOrUpdate(Path, static (_, count) => count, static (_, sum, count) => sum + count, (long)count);
            return count;
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            watched.Watch("write", Path);
            if (!bytes.IsEmpty && watched.IsShortOfOneByte?.Invoke(Path) == true)
            {
                file.Write(position, bytes[..^1]);
                throw DiskError.Full("pwrite", Path, "simulated ENOSPC");
            }
            file.Write(position, bytes);
        }

        public void Sync()
        {
            watched.Watch("sync", Path);
            file.Sync();
            if (watched.Synced is { } synced)
                watched.Act(() => synced(Path));
        }

        public void SetLength(long length)
        {
            watched.Watch("set length", Path);
            file.SetLength(length);
        }

        public void Dispose() => file.Dispose();
    }
}
