using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>Passes everything on to the simulated disk; checks the thread and puts what changes something into the trace, contents included.</summary>
internal sealed class OneThreadDisk(IDisk disk, ThreadGuard guard, SimulationTrace trace) : IDisk
{
    public void CreateDirectory(string path)
    {
        Note("mkdir", path);
        disk.CreateDirectory(path);
    }

    public bool DirectoryExists(string path) => Checked().DirectoryExists(path);

    public bool FileExists(string path) => Checked().FileExists(path);

    public IReadOnlyList<string> List(string path) => Checked().List(path);

    public IDiskFile Open(string path, FileOpening opening)
    {
        Note(opening == FileOpening.Read ? "read" : "open", path);
        return new TracedFile(this, disk.Open(path, opening));
    }

    public void Rename(string source, string target)
    {
        Note("rename", source);
        disk.Rename(source, target);
    }

    public void Delete(string path)
    {
        Note("unlink", path);
        disk.Delete(path);
    }

    public void DeleteDirectory(string path)
    {
        Note("rmdir", path);
        disk.DeleteDirectory(path);
    }

    public void SyncDirectory(string path)
    {
        Note("fsync", path);
        disk.SyncDirectory(path);
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner) => Checked().TryLock(path, "a simulated process", out owner);

    public void VerifySyncErrorsAreSeen(string directory) => Checked().VerifySyncErrorsAreSeen(directory);

    public long FreeBytes(string directory) => Checked().FreeBytes(directory);

    private IDisk Checked()
    {
        guard.Check("disk");
        return disk;
    }

    private void Note(string operation, string path)
    {
        guard.Check("disk");
        trace.Mix(path);
        if (trace.KeepsLines)
            trace.Write($"    {operation} {path}");
    }

    private void Note(string operation, string path, long position, ReadOnlySpan<byte> bytes)
    {
        guard.Check("disk");
        trace.Mix(position, bytes.Length == 0 ? 0 : Crc32C.Compute(bytes));
        if (trace.KeepsLines)
            trace.Write($"    {operation} {path} {position}+{bytes.Length}");
    }

    private sealed class TracedFile(OneThreadDisk owner, IDiskFile file) : IDiskFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(long position, Span<byte> buffer)
        {
            owner.Checked();
            return file.Read(position, buffer);
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            owner.Note("write", Path, position, bytes);
            file.Write(position, bytes);
        }

        public void Sync()
        {
            owner.Note("sync", Path, 0, default);
            file.Sync();
        }

        public void SetLength(long length)
        {
            owner.Note("set length", Path, length, default);
            file.SetLength(length);
        }

        public void Dispose() => file.Dispose();
    }
}
