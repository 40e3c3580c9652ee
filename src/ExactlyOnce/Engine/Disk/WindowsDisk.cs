using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ExactlyOnce.Engine.Disk;

/// <summary>
/// Windows. Reads and writes through the base library, flushes through FlushFileBuffers with its result checked. NTFS journals directory entries and
/// writes renames through on request, so <see cref="SyncDirectory"/> has nothing to do. Handles share everything: files are renamed and deleted while read.
/// </summary>
internal sealed partial class WindowsDisk : IDisk
{
    private const uint ReplaceExisting = 1;
    private const uint WriteThrough = 8;
    private const string OwnerSuffix = ".owner";

    public void CreateDirectory(string path) => Guard("mkdir", path, static path => Directory.CreateDirectory(path));

    public bool DirectoryExists(string path) => Directory.Exists(path);

    public bool FileExists(string path) => File.Exists(path);

    public IReadOnlyList<string> List(string path) => DirectoryListing.Read(path);

    public IDiskFile Open(string path, FileOpening opening)
    {
        var mode = opening switch
        {
            FileOpening.CreateNew => FileMode.CreateNew,
            FileOpening.Create => FileMode.Create,
            _ => FileMode.Open,
        };
        var access = opening == FileOpening.Read ? FileAccess.Read : FileAccess.ReadWrite;
        return new WindowsFile(OpenHandle(path, mode, access, FileShare.ReadWrite | FileShare.Delete), path);
    }

    public void Rename(string source, string target)
    {
        if (!MoveFile(source, target, ReplaceExisting | WriteThrough))
            throw LastError("rename", source);
    }

    /// <summary>The base library is silent about a missing file; we are not.</summary>
    public void Delete(string path) => Guard("delete", path, static path =>
    {
        if (!File.Exists(path))
            throw new FileNotFoundException("no such file");
        File.Delete(path);
    });

    public void DeleteDirectory(string path) => Guard("rmdir", path, static path => Directory.Delete(path));

    public void SyncDirectory(string path)
    {
        if (!DirectoryExists(path))
            throw DiskError.Failed("sync", path, "no such directory");
    }

    /// <summary>The lock file is opened for nobody else, which makes it unreadable too: a file beside it says who has it.</summary>
    public IDisposable? TryLock(string path, string ownerText, out string owner)
    {
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when ((exception.HResult & 0xFFFF) is 32 or 33)
        {
            owner = ReadOwner(path + OwnerSuffix);
            return null;
        }
        catch (Exception exception)
        {
            throw DiskError.From(exception, "lock", path);
        }
        try
        {
            File.WriteAllText(path + OwnerSuffix, ownerText);
        }
        catch (Exception exception)
        {
            handle.Dispose();
            throw DiskError.From(exception, "write", path + OwnerSuffix);
        }
        owner = ownerText;
        return handle;
    }

    /// <summary>A handle without write access cannot be flushed; being told that it was means that failures are hidden.</summary>
    public void VerifySyncErrorsAreSeen(string directory)
    {
        var path = Path.Combine(directory, ".sync-test");
        using (OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
        {
        }
        using (var readOnly = OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            if (FlushFileBuffers(readOnly))
                throw DiskError.Failed("the self-test", directory, "a flush that cannot succeed was reported as done, so a failing disk would not be noticed");
        }
        Delete(path);
    }

    public long FreeBytes(string directory) =>
        GetDiskFreeSpace(directory, out var available, out _, out _) ? (long)Math.Min(available, long.MaxValue) : throw LastError("free space", directory);

    private static string ReadOwner(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static SafeFileHandle OpenHandle(string path, FileMode mode, FileAccess access, FileShare share)
    {
        try
        {
            return File.OpenHandle(path, mode, access, share);
        }
        catch (Exception exception)
        {
            throw DiskError.From(exception, "open", path);
        }
    }

    private static void Guard(string operation, string path, Action<string> action)
    {
        try
        {
            action(path);
        }
        catch (Exception exception)
        {
            throw DiskError.From(exception, operation, path);
        }
    }

    private static StorageException LastError(string operation, string path) =>
        DiskError.From(Marshal.GetExceptionForHR(Marshal.GetHRForLastWin32Error()) ?? new IOException("unknown error"), operation, path);

    [LibraryImport("kernel32", EntryPoint = "FlushFileBuffers", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool FlushFileBuffers(SafeFileHandle file);

    [LibraryImport("kernel32", EntryPoint = "MoveFileExW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool MoveFile(string source, string target, uint flags);

    [LibraryImport("kernel32", EntryPoint = "GetDiskFreeSpaceExW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetDiskFreeSpace(string directory, out ulong available, out ulong total, out ulong free);

    private sealed class WindowsFile(SafeFileHandle handle, string path) : IDiskFile
    {
        public string Path => path;

        public long Length
        {
            get
            {
                try
                {
                    return RandomAccess.GetLength(handle);
                }
                catch (Exception exception)
                {
                    throw DiskError.From(exception, "length", path);
                }
            }
        }

        public int Read(long position, Span<byte> buffer)
        {
            try
            {
                var done = 0;
                while (done < buffer.Length && RandomAccess.Read(handle, buffer[done..], position + done) is var count and > 0)
                    done += count;
                return done;
            }
            catch (Exception exception)
            {
                throw DiskError.From(exception, "read", path);
            }
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            try
            {
                RandomAccess.Write(handle, bytes, position);
            }
            catch (Exception exception)
            {
                throw DiskError.From(exception, "write", path);
            }
        }

        public void Sync()
        {
            if (handle.IsClosed)
                throw DiskError.Failed("flush", path, "the file is closed");
            if (!FlushFileBuffers(handle))
                throw LastError("flush", path);
        }

        public void SetLength(long length)
        {
            try
            {
                RandomAccess.SetLength(handle, length);
            }
            catch (Exception exception)
            {
                throw DiskError.From(exception, "set length", path);
            }
        }

        public void Dispose() => handle.Dispose();
    }
}
