using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Benchmarks.Comparing.Rows;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>This program once more, for what needs a process of its own: being killed, or being looked at while nothing else runs in it.</summary>
internal static class ChildProcess
{
    public const string Writing = "write";
    public const string Idling = "idle";
    public const string Serving = "serve";

    /// <summary>Starts the work; the caller reads what it prints and disposes of it.</summary>
    public static Process Start(params string[] work)
    {
        var program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "ExactlyOnce.Benchmarks.dll"));
        start.ArgumentList.Add("child");
        // Threads of the pool that were needed once go after this long without work, instead of 20 seconds: who counts threads need not wait for them.
        start.Environment["DOTNET_ThreadPool_ThreadTimeoutMs"] = "250";
        foreach (var word in work)
            start.ArgumentList.Add(word);
        return Process.Start(start)!;
    }

    /// <summary>In the child.</summary>
    public static async Task<int> WorkAsync(string[] work)
    {
        switch (work)
        {
            case [Writing, var folder]:
                await RecoveryRow.WriteAsync(folder);
                return 0;
            case [Idling, var seconds]:
                await IdleRow.IdleAsync(TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
                return 0;
            case [Serving, var seconds]:
                await KafkaIdleRow.ServeAsync(TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
                return 0;
            default:
                Console.Error.WriteLine("The child mode is for this program itself.");
                return 2;
        }
    }
}
