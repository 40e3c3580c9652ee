using System.Diagnostics;
using System.Globalization;

namespace ExactlyOnce.Engine.Disk;

/// <summary>
/// What a broker writes into its lock file, so that whoever is refused can say by whom. For people: the lock itself is the operating system's.
/// </summary>
internal static class LockOwner
{
    private const string BootIdPath = "/proc/sys/kernel/random/boot_id";

    /// <summary>For example <c>pid 4711, started 2026-11-03T10:15:00.0000000Z, boot 5a61…</c>.</summary>
    public static string Describe()
    {
        using var process = Process.GetCurrentProcess();
        var started = process.StartTime.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture);
        var text = string.Create(CultureInfo.InvariantCulture, $"pid {System.Environment.ProcessId}, started {started}");
        return TryReadBootId() is { Length: > 0 } boot ? $"{text}, boot {boot}" : text;
    }

    private static string? TryReadBootId()
    {
        try
        {
            return File.Exists(BootIdPath) ? File.ReadAllText(BootIdPath).Trim() : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
