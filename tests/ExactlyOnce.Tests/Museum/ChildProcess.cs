using System.Diagnostics;
using System.Runtime.InteropServices;
using ExactlyOnce.Engine.Disk;
using Microsoft.Win32.SafeHandles;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// What an exhibit does in a process of its own, because a limit or an environment variable holds for a whole process: this assembly, started as a program.
/// Each line it prints is a name and what was seen.
/// </summary>
internal static partial class ChildProcess
{
    /// <summary>Bytes that a file may have in the limited process.</summary>
    public const int FileBytesMax = 4_500;

    private const int FileSizeLimit = 1;
    private const int FileSizeSignal = 25;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["limited", var directory]:
                WriteUnderALimit(directory);
                return 0;
            case ["locked", var shared, var locked]:
                OpenWhatIsLocked(shared, locked);
                return 0;
            case ["first sync"]:
                SyncFirstOfAll();
                return 0;
            default:
                return 64;
        }
    }

    /// <summary>Runs this assembly with these arguments; what it saw, by name.</summary>
    public static Dictionary<string, string> Run(string[] arguments, params (string Name, string Value)[] environment)
    {
        var host = System.Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        var start = new ProcessStartInfo(host, ["exec", typeof(ChildProcess).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var lines = process.StandardOutput.ReadToEndAsync();
        process.WaitForExit(s_patience).Should().BeTrue("the child ends");
        process.ExitCode.Should().Be(0, errors.Result);
        return lines.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(parts => parts[0], parts => parts[1]);
    }

    /// <summary>How a call ended: the name of its exception, or "nothing".</summary>
    public static string Outcome(Action call)
    {
        try
        {
            call();
            return "nothing";
        }
        catch (Exception exception)
        {
            return exception.GetType().Name;
        }
    }

    private static void WriteUnderALimit(string directory)
    {
        Signal(FileSizeSignal, 1);
        if (SetLimit(FileSizeLimit, new Limit(FileBytesMax, FileBytesMax)) != 0)
            throw new InvalidOperationException("The limit cannot be set.");
        var (gathered, single, ours) = (Path.Combine(directory, "gathered"), Path.Combine(directory, "single"), Path.Combine(directory, "ours"));
        ReadOnlyMemory<byte>[] buffers = [.. Enumerable.Range(0, 8).Select(_ => (ReadOnlyMemory<byte>)new byte[1_000])];
        using (var handle = File.OpenHandle(gathered, FileMode.Create, FileAccess.ReadWrite))
            Tell("gathered", Outcome(() => RandomAccess.Write(handle, buffers, 0)));
        using (var handle = File.OpenHandle(single, FileMode.Create, FileAccess.ReadWrite))
            Tell("single", Outcome(() => RandomAccess.Write(handle, new byte[8_000], 0)));
        using (var file = new PosixDisk().Open(ours, FileOpening.CreateNew))
            Tell("ours", Outcome(() => file.Write(0, new byte[8_000])));
        foreach (var path in new[] { gathered, single, ours })
            Tell($"length of {Path.GetFileName(path)}", $"{new FileInfo(path).Length}");
        Tell("broker", Outcome(() => WriteInABrokerAsync(Path.Combine(directory, "broker")).GetAwaiter().GetResult()));
    }

    private static async Task WriteInABrokerAsync(string directory)
    {
        await using var broker = await Broker.CreateBuilder().UseDirectory(directory).OpenAsync();
        await broker.Admin.CreateTopicAsync("orders");
    }

    private static void OpenWhatIsLocked(string shared, string locked)
    {
        Tell("base library", Outcome(() => new FileStream(shared, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose()));
        using var held = new PosixDisk().TryLock(locked, "an intruder", out var owner);
        Tell("ours", held is null ? "refused" : "opened");
        Tell("owner", owner);
    }

    private static void SyncFirstOfAll()
    {
        using (var missing = new PosixDescriptor(int.MaxValue))
            Tell("ours", Outcome(() => PosixDisk.Sync(missing, isDirectory: false, "/nowhere")));
        using var handle = new SafeFileHandle(int.MaxValue, ownsHandle: false);
        Tell("base library", Outcome(() => RandomAccess.FlushToDisk(handle)));
    }

    private static void Tell(string name, string seen) => Console.WriteLine($"{name}={seen}");

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static partial int SetLimit(int resource, in Limit limit);

    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    private static partial nint Signal(int signal, nint handler);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Limit(ulong Current, ulong Maximum);
}
