using System.Globalization;
using System.Reflection;
using System.Text;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>What a person needs to understand a failed run: the seed, the steps, the end of the trace, and the device's files in a folder.</summary>
internal static class FailureReport
{
    private const int TraceLines = 60;

    public static string Of(SimulationResult failed)
    {
        var run = failed.Failure?.Rule == "determinism" ? failed : Simulator.Run(failed.Seed, failed.Steps, keepsLines: true);
        var folder = Directory.CreateTempSubdirectory("exactlyonce-simulation-").FullName;
        WriteImage(run.Device, "/", folder);
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"seed {failed.Seed}: {failed.Failure?.Message}");
        if (Commit() is { } commit)
            text.AppendLine(CultureInfo.InvariantCulture, $"commit: {commit}");
        text.AppendLine(CultureInfo.InvariantCulture, $"plan: {SimulationPlan.Draw(failed.Seed)}");
        text.AppendLine(CultureInfo.InvariantCulture, $"{failed.Steps.Count} steps: {string.Join(' ', failed.Steps)}");
        text.AppendLine("the end of the trace:");
        foreach (var line in run.Trace.Lines.TakeLast(TraceLines))
            text.AppendLine(line);
        File.WriteAllLines(Path.Combine(folder, "trace.txt"), run.Trace.Lines);
        text.Append(CultureInfo.InvariantCulture, $"the whole trace and the device's files: {folder}");
        return text.ToString();
    }

    /// <summary>What the broker was built from, which SourceLink puts behind its version; null when it was built without a repository.</summary>
    private static string? Commit() =>
        typeof(Broker).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+') is [_, var commit, ..] ? commit : null;

    private static void WriteImage(SimulatedDisk device, string path, string target)
    {
        // A dead device shows nothing more; what it would have kept is what counts.
        var image = device.HasCrashed ? device.Crash(CrashProfile.AllSurvive, 0) : device;
        foreach (var entry in image.List(path))
        {
            var name = entry.TrimEnd('/');
            var (from, to) = (Path.Combine(path, name), Path.Combine(target, name));
            if (entry.EndsWith('/'))
            {
                Directory.CreateDirectory(to);
                WriteImage(image, from, to);
            }
            else
                File.WriteAllBytes(to, image.ReadAll(from));
        }
    }
}
