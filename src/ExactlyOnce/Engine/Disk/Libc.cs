using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ExactlyOnce.Engine.Disk;

/// <summary>
/// The system calls behind <see cref="PosixDisk"/>, thin. The runtime's own flush hides failures (its native part compares instead of assigning, and
/// its managed part ignores EROFS and EINVAL), so nothing durable may go through it.
/// </summary>
internal static partial class Libc
{
    public const int NotFound = 2;
    public const int Interrupted = 4;
    public const int AlreadyExists = 17;
    public const int InvalidArgument = 22;
    public const int NotATerminal = 25;
    public const int NoSpace = 28;

    public const int LockExclusive = 2;
    public const int LockNonBlocking = 4;
    public const int SeekEnd = 2;

    private const string Library = "libc";
    private const int FullSync = 51;

    private static readonly bool s_isMac = OperatingSystem.IsMacOS();
    private static readonly bool s_variadicsOnStack = s_isMac && RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static int WouldBlock { get; } = s_isMac ? 35 : 11;

    public static int QuotaExceeded { get; } = s_isMac ? 69 : 122;

    public static int NotSupported { get; } = s_isMac ? 45 : 95;

    public static int ReadOnly => 0;

    public static int ReadWrite => 2;

    public static int CreateFlag { get; } = s_isMac ? 0x200 : 0x40;

    public static int ExclusiveFlag { get; } = s_isMac ? 0x800 : 0x80;

    public static int TruncateFlag { get; } = s_isMac ? 0x400 : 0x200;

    public static int CloseOnExec { get; } = s_isMac ? 0x100_0000 : 0x8_0000;

    /// <summary>
    /// open(2) is variadic, and on Apple's ARM64 variadic arguments go to the stack whatever their number: six fillers push the mode there. Without
    /// them a file would be created with whatever permissions a register happens to hold.
    /// </summary>
    public static PosixDescriptor Open(string path, int flags, uint mode) =>
        new(s_variadicsOnStack ? OpenOnStack(path, flags, 0, 0, 0, 0, 0, 0, mode) : OpenInRegisters(path, flags, mode));

    /// <summary>
    /// Contents, and the metadata needed to read them back, on the device. Zero or -1 with errno, like fdatasync. On macOS only F_FULLFSYNC reaches
    /// the platter; file systems that do not know it get fsync.
    /// </summary>
    public static int Sync(SafeHandle descriptor, bool isDirectory)
    {
        if (!s_isMac)
            return isDirectory ? FSync(descriptor) : FDataSync(descriptor);
        var result = FCntl(descriptor, FullSync);
        if (result == -1 && Marshal.GetLastPInvokeError() is var errno && (errno == NotSupported || errno == NotATerminal || errno == InvalidArgument))
            return FSync(descriptor);
        return result == -1 ? -1 : 0;
    }

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenInRegisters(string path, int flags, nuint mode);

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenOnStack(
        string path, int flags, nint third, nint fourth, nint fifth, nint sixth, nint seventh, nint eighth, nuint mode);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(nint descriptor);

    [LibraryImport(Library, EntryPoint = "pread", SetLastError = true)]
    public static unsafe partial nint PRead(SafeHandle descriptor, byte* buffer, nuint count, long position);

    [LibraryImport(Library, EntryPoint = "pwrite", SetLastError = true)]
    public static unsafe partial nint PWrite(SafeHandle descriptor, byte* buffer, nuint count, long position);

    [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
    public static partial int FTruncate(SafeHandle descriptor, long length);

    [LibraryImport(Library, EntryPoint = "lseek", SetLastError = true)]
    public static partial long LSeek(SafeHandle descriptor, long offset, int whence);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    public static partial int FLock(SafeHandle descriptor, int operation);

    [LibraryImport(Library, EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Rename(string source, string target);

    [LibraryImport(Library, EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Unlink(string path);

    [LibraryImport(Library, EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeDirectory(string path, uint mode);

    [LibraryImport(Library, EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int RemoveDirectory(string path);

    [LibraryImport(Library, EntryPoint = "pipe", SetLastError = true)]
    public static unsafe partial int Pipe(int* ends);

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeHandle descriptor);

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeHandle descriptor);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FCntl(SafeHandle descriptor, int command);
}

/// <summary>A file descriptor; closed once, and never while a call is using it (a reused number would let us write into a stranger's file).</summary>
internal sealed class PosixDescriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>
    /// Made from a C int by us: a handle filled in by the marshaller takes the whole register, in which a failed open's -1 is 4294967295 and looks valid.
    /// </summary>
    public PosixDescriptor(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    protected override bool ReleaseHandle() => Libc.Close(handle) == 0;
}
