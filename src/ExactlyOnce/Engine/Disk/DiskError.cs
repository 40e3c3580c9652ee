using System.Runtime.InteropServices;

namespace ExactlyOnce.Engine.Disk;

/// <summary>Says what failed, where, and what to do, in the one exception that leaves this folder.</summary>
internal static class DiskError
{
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);

    /// <summary>From the error number of the system call that just failed on this thread.</summary>
    public static StorageException FromErrno(string operation, string path) => FromErrno(Marshal.GetLastPInvokeError(), operation, path);

    public static StorageException FromErrno(int errno, string operation, string path)
    {
        var reason = $"{Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})";
        return errno == Libc.NoSpace || errno == Libc.QuotaExceeded ? Full(operation, path, reason) : Failed(operation, path, reason);
    }

    /// <summary>
    /// From whatever the base library threw: it reports EFBIG as an argument error and EPERM as an access error, so every type counts as a disk failure.
    /// </summary>
    public static StorageException From(Exception exception, string operation, string path) => exception switch
    {
        StorageException storage => storage,
        _ when exception.HResult is WindowsDiskFull or WindowsHandleDiskFull => Full(operation, path, exception.Message, exception),
        _ => Failed(operation, path, exception.Message, exception),
    };

    public static StorageException Full(string operation, string path, string reason, Exception? inner = null) => new(
        $"The disk is full: {operation} of '{path}' failed: {reason.TrimEnd('.')}. What was acknowledged is safe. Free space or raise the quota, then open the broker again.",
        inner,
        ErrorCode.DiskFull);

    public static StorageException Failed(string operation, string path, string reason, Exception? inner = null) =>
        new($"The disk failed: {operation} of '{path}': {reason.TrimEnd('.')}.", inner);
}
