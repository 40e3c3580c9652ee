using System.Text;

namespace ExactlyOnce.Engine.Disk;

/// <summary>
/// Linux and macOS. Everything that durability rests on is a system call of our own with its result checked. Directories are 0700 and files 0600, because
/// records are nobody else's business. Listing and free space go through the base library: being wrong there loses nothing.
/// </summary>
internal sealed class PosixDisk : IDisk
{
    private const uint FileMode = 0b110_000_000;
    private const uint DirectoryMode = 0b111_000_000;
    private const int OwnerTextBytesMax = 4096;

    /// <summary>
    /// Lock files held by this process. flock belongs to the open file and so refuses a second broker in this process too, except on network file
    /// systems that emulate it with locks of the process.
    /// </summary>
    private static readonly HashSet<string> s_held = [];

    public PosixDisk()
    {
        if (nint.Size != 8)
            throw new PlatformNotSupportedException("A broker with files needs a 64-bit process: file offsets of 32-bit C libraries are 32 bits wide.");
    }

    public void CreateDirectory(string path)
    {
        if (DirectoryExists(path))
            return;
        var parent = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(path));
        if (!string.IsNullOrEmpty(parent))
            CreateDirectory(parent);
        if (Libc.MakeDirectory(path, DirectoryMode) != 0)
        {
            var error = DiskError.FromErrno("mkdir", path);
            if (!DirectoryExists(path))
                throw error;
        }
    }

    public bool DirectoryExists(string path) => Attributes(path) is { } attributes && attributes.HasFlag(FileAttributes.Directory);

    public bool FileExists(string path) => Attributes(path) is { } attributes && !attributes.HasFlag(FileAttributes.Directory);

    public IReadOnlyList<string> List(string path) => DirectoryListing.Read(path);

    public IDiskFile Open(string path, FileOpening opening)
    {
        var flags = opening switch
        {
            FileOpening.Read => Libc.ReadOnly,
            FileOpening.ReadWrite => Libc.ReadWrite,
            FileOpening.CreateNew => Libc.ReadWrite | Libc.CreateFlag | Libc.ExclusiveFlag,
            _ => Libc.ReadWrite | Libc.CreateFlag | Libc.TruncateFlag,
        };
        return new PosixFile(OpenDescriptor(path, flags), path);
    }

    public void Rename(string source, string target) => Check(Libc.Rename(source, target), "rename", source);

    public void Delete(string path) => Check(Libc.Unlink(path), "unlink", path);

    public void DeleteDirectory(string path) => Check(Libc.RemoveDirectory(path), "rmdir", path);

    public void SyncDirectory(string path)
    {
        using var descriptor = OpenDescriptor(path, Libc.ReadOnly);
        Sync(descriptor, isDirectory: true, path);
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner)
    {
        var key = Path.GetFullPath(path);
        lock (s_held)
        {
            if (!s_held.Add(key))
            {
                owner = ReadOwner(path);
                return null;
            }
        }
        var held = TryLockFile(path, ownerText, key, out owner);
        if (held is null)
            Forget(key);
        return held;
    }

    /// <summary>
    /// Neither a pipe nor a descriptor that does not exist can be synced. A runtime or sandbox that says otherwise would say so for a dying disk too.
    /// (Closing a descriptor behind its handle would prove the same, but its number may be a stranger's by then.)
    /// </summary>
    public void VerifySyncErrorsAreSeen(string directory)
    {
        var (reader, writer) = OpenPipe(directory);
        using var missing = new PosixDescriptor(int.MaxValue);
        using (reader)
        using (writer)
        {
            foreach (var impossible in (ReadOnlySpan<PosixDescriptor>)[reader, writer, missing])
            {
                if (Libc.Sync(impossible, isDirectory: false) == 0 || Libc.Sync(impossible, isDirectory: true) == 0)
                    throw DiskError.Failed("the self-test", directory, "a sync that cannot succeed was reported as done, so a failing disk would not be noticed");
            }
        }
    }

    public long FreeBytes(string directory)
    {
        try
        {
            return new DriveInfo(directory).AvailableFreeSpace;
        }
        catch (Exception exception)
        {
            throw DiskError.From(exception, "statvfs", directory);
        }
    }

    /// <summary>The one door to fdatasync and fsync: nothing but an interruption is retried, because the kernel forgets the failed pages.</summary>
    internal static void Sync(PosixDescriptor descriptor, bool isDirectory, string path)
    {
        while (Libc.Sync(descriptor, isDirectory) != 0)
        {
            if (!PosixFile.WasInterrupted())
                throw DiskError.FromErrno(isDirectory ? "fsync" : "fdatasync", path);
        }
    }

    private static HeldLock? TryLockFile(string path, string ownerText, string key, out string owner)
    {
        PosixDescriptor? descriptor = null;
        try
        {
            descriptor = OpenDescriptor(path, Libc.ReadWrite | Libc.CreateFlag);
            if (Libc.FLock(descriptor, Libc.LockExclusive | Libc.LockNonBlocking) != 0)
            {
                var error = System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
                if (error != Libc.WouldBlock)
                    throw DiskError.FromErrno(error, "flock", path);
                descriptor.Dispose();
                owner = ReadOwner(path);
                return null;
            }
            var file = new PosixFile(descriptor, path);
            file.SetLength(0);
            file.Write(0, Encoding.UTF8.GetBytes(ownerText));
            owner = ownerText;
            return new HeldLock(descriptor, key);
        }
        catch
        {
            descriptor?.Dispose();
            Forget(key);
            throw;
        }
    }

    /// <summary>For the refusal's text only: an owner who has not written it yet, or whose file cannot be read, is nobody we can name.</summary>
    private static string ReadOwner(string path)
    {
        try
        {
            return ReadText(path);
        }
        catch (StorageException)
        {
            return "";
        }
    }

    private static string ReadText(string path)
    {
        using var file = new PosixFile(OpenDescriptor(path, Libc.ReadOnly), path);
        var text = new byte[OwnerTextBytesMax];
        return Encoding.UTF8.GetString(text, 0, file.Read(0, text));
    }

    private static PosixDescriptor OpenDescriptor(string path, int flags)
    {
        while (true)
        {
            var descriptor = Libc.Open(path, flags | Libc.CloseOnExec, FileMode);
            if (!descriptor.IsInvalid)
                return descriptor;
            var interrupted = PosixFile.WasInterrupted();
            var error = DiskError.FromErrno("open", path);
            descriptor.Dispose();
            if (!interrupted)
                throw error;
        }
    }

    private static unsafe (PosixDescriptor Reader, PosixDescriptor Writer) OpenPipe(string directory)
    {
        var ends = stackalloc int[2];
        return Libc.Pipe(ends) == 0
            ? (new PosixDescriptor(ends[0]), new PosixDescriptor(ends[1]))
            : throw DiskError.FromErrno("pipe", directory);
    }

    private static FileAttributes? Attributes(string path)
    {
        try
        {
            return File.GetAttributes(path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception)
        {
            throw DiskError.From(exception, "stat", path);
        }
    }

    private static void Check(int result, string operation, string path)
    {
        if (result != 0)
            throw DiskError.FromErrno(operation, path);
    }

    private static void Forget(string key)
    {
        lock (s_held)
            s_held.Remove(key);
    }

    /// <summary>Given up by closing the descriptor. The file stays: unlinking it would let two processes lock two different files of one name.</summary>
    private sealed class HeldLock(PosixDescriptor descriptor, string key) : IDisposable
    {
        private int _released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) != 0)
                return;
            descriptor.Dispose();
            Forget(key);
        }
    }
}
