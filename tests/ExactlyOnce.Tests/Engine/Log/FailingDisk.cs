using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Tests.Engine.Log;

/// <summary>A disk that counts its changing operations and fails the one it is told to, half done if it is a write.</summary>
internal sealed class FailingDisk(IDisk disk) : IDisk
{
    public int Operations { get; private set; }

    /// <summary>Number of the operation to fail; 0 for none.</summary>
    public int FailAt { get; set; }

    public List<string> Log { get; } = [];

    public void CreateDirectory(string path)
    {
        Count("mkdir", path);
        disk.CreateDirectory(path);
    }

    public bool DirectoryExists(string path) => disk.DirectoryExists(path);

    public bool FileExists(string path) => disk.FileExists(path);

    public IReadOnlyList<string> List(string path) => disk.List(path);

    public IDiskFile Open(string path, FileOpening opening)
    {
        if (opening != FileOpening.Read)
            Count("open", path);
        return new FailingFile(this, disk.Open(path, opening));
    }

    public void Rename(string source, string target)
    {
        Count("rename", target);
        disk.Rename(source, target);
    }

    public void Delete(string path)
    {
        Count("unlink", path);
        disk.Delete(path);
    }

    public void DeleteDirectory(string path) => disk.DeleteDirectory(path);

    public void SyncDirectory(string path)
    {
        Count("syncdir", path);
        disk.SyncDirectory(path);
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner) => disk.TryLock(path, ownerText, out owner);

    public void VerifySyncErrorsAreSeen(string directory) => disk.VerifySyncErrorsAreSeen(directory);

    public long FreeBytes(string directory) => disk.FreeBytes(directory);

    private bool IsNext => Operations + 1 == FailAt;

    private void Count(string operation, string path)
    {
        Log.Add($"{operation} {Path.GetFileName(path)}");
        Operations++;
        if (Operations == FailAt)
            throw new StorageException($"{operation} of {path} was told to fail.");
    }

    private sealed class FailingFile(FailingDisk disk, IDiskFile file) : IDiskFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(long position, Span<byte> buffer) => file.Read(position, buffer);

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            if (disk.IsNext)
                file.Write(position, bytes[..(bytes.Length / 2)]);
            disk.Count("write", Path);
            file.Write(position, bytes);
        }

        public void Sync()
        {
            disk.Count("sync", Path);
            file.Sync();
        }

        public void SetLength(long length) => file.SetLength(length);

        public void Dispose() => file.Dispose();
    }
}
