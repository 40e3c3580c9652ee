namespace ExactlyOnce.Tests.Engine.Disk;

/// <summary>A fact about what not every platform has: where it is missing the test is skipped, and the run says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal abstract class PlatformFactAttribute : FactAttribute;

/// <summary>A fact about the disk as Linux and macOS show it.</summary>
internal sealed class UnixFactAttribute : PlatformFactAttribute
{
    public UnixFactAttribute() => Skip = OperatingSystem.IsWindows() ? "It is about POSIX files, and Windows has none." : null;
}

/// <summary>A fact about the device that is always full.</summary>
internal sealed class FullDeviceFactAttribute : PlatformFactAttribute
{
    public const string Path = "/dev/full";

    public FullDeviceFactAttribute() => Skip = File.Exists(Path) ? null : $"There is no {Path} here.";
}
