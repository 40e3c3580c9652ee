using System.Runtime.InteropServices;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    public static long FreeDiskBytes => new DriveInfo(Path.GetTempPath()).AvailableFreeSpace;

    public static string Describe()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return $"{ProcessorName()}, {Environment.ProcessorCount} cores, {Math.Round(memory / (double)(1L << 30))} GiB, " +
            $"{RuntimeInformation.OSDescription} ({RuntimeInformation.OSArchitecture}), " +
            $"{new DriveInfo(Path.GetTempPath()).DriveFormat} in {Path.GetTempPath()}, " +
            $".NET {Environment.Version}; {DateTimeOffset.UtcNow:d MMMM yyyy}";
    }

    private static string ProcessorName()
    {
        const string Source = "/proc/cpuinfo";
        var line = File.Exists(Source) ? File.ReadLines(Source).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown processor" : line[(line.IndexOf(':') + 1)..].Trim();
    }
}
