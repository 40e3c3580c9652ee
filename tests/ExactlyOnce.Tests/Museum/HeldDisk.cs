using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// A disk that can be made to stand still: while it is held, writes and syncs of the journal's files, or of all others, wait on the thread that wants them.
/// </summary>
internal sealed class HeldDisk(IDisk inner, bool holdsJournal = true) : IDisk
{
    private readonly ManualResetEventSlim _free = new(initialState: true);
    private readonly SemaphoreSlim _arrived = new(0);

    public void Hold() => _free.Reset();

    public void Release() => _free.Set();

    /// <summary>Returns when a thread stands at the held disk.</summary>
    public void AwaitArrival() => _arrived.Wait(TestBroker.Soon).Should().BeTrue("somebody comes to the disk");

    public void CreateDirectory(string path) => inner.CreateDirectory(path);

    public bool DirectoryExists(string path) => inner.DirectoryExists(path);

    public bool FileExists(string path) => inner.FileExists(path);

    public IReadOnlyList<string> List(string path) => inner.List(path);

    public IDiskFile Open(string path, FileOpening opening)
    {
        var file = inner.Open(path, opening);
        return path.Contains("/journal/", StringComparison.Ordinal) == holdsJournal ? new HeldFile(this, file) : file;
    }

    public void Rename(string source, string target) => inner.Rename(source, target);

    public void Delete(string path) => inner.Delete(path);

    public void DeleteDirectory(string path) => inner.DeleteDirectory(path);

    public void SyncDirectory(string path) => inner.SyncDirectory(path);

    public IDisposable? TryLock(string path, string ownerText, out string owner) => inner.TryLock(path, ownerText, out owner);

    public void VerifySyncErrorsAreSeen(string directory) => inner.VerifySyncErrorsAreSeen(directory);

    public long FreeBytes(string directory) => inner.FreeBytes(directory);

    private void Pass()
    {
        if (_free.IsSet)
            return;
        _arrived.Release();
        _free.Wait();
    }

    private sealed class HeldFile(HeldDisk disk, IDiskFile file) : IDiskFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(long position, Span<byte> buffer) => file.Read(position, buffer);

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            disk.Pass();
            file.Write(position, bytes);
        }

        public void Sync()
        {
            disk.Pass();
            file.Sync();
        }

        public void SetLength(long length) => file.SetLength(length);

        public void Dispose() => file.Dispose();
    }
}
