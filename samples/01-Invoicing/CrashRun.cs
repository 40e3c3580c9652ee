using System.Diagnostics;

namespace Invoicing;

/// <summary>
/// Runs the program as child processes and kills each with SIGKILL at a random moment of its work, until it has been killed often enough; the last one runs
/// to its end. All of them use one folder. Then a run in peace in another folder must report the same, to the penny.
/// </summary>
internal static class CrashRun
{
    public static async Task<int> RunAsync(Arguments arguments, CancellationToken cancellationToken)
    {
        var file = new OrderLineFile(arguments.File);
        var folder = Path.Combine(arguments.Folder, $"crash-{file.Fingerprint()}");
        DeleteFolder(folder);

        var kills = 0;
        foreach (var steps in StepsBetweenKills(file.CountLines(), arguments.Kills))
            if (await RunAndKillAsync(arguments, folder, steps, kills + 1, cancellationToken))
                kills++;
        Console.WriteLine($"Killed {kills} times. Now to the end:");

        var crashed = await InvoicingRun.RunAsync(file, folder, pause: 0, Console.WriteLine, cancellationToken);
        var peaceful = await PeacefulReportAsync(file, arguments.Folder, cancellationToken);

        Console.WriteLine($"\nReport after {kills} kills ({Path.GetFileName(file.Path)})\n{crashed}");
        if (crashed.ToString() == peaceful.ToString() && crashed is { Duplicates: 0, Lost: 0 } && kills == arguments.Kills)
        {
            Console.WriteLine("The same as without a crash: PASS");
            return 0;
        }
        Console.WriteLine(kills < arguments.Kills
            ? $"Only {kills} of {arguments.Kills} kills hit a running child: use a larger file or fewer kills. FAIL"
            : $"NOT the same as without a crash: FAIL\n\nReport without a crash\n{peaceful}");
        return 1;
    }

    private static async Task<Report> PeacefulReportAsync(OrderLineFile file, string parent, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(parent, $"peace-{file.Fingerprint()}");
        DeleteFolder(folder);
        var report = await InvoicingRun.RunAsync(file, folder, pause: 0, _ => { }, cancellationToken);
        DeleteFolder(folder);
        return report;
    }

    /// <summary>
    /// A child tells every step it makes: batches imported, then batches invoiced. Kill points are drawn over all steps of a run; since a kill loses work and
    /// never gains any, every one of them is reached.
    /// </summary>
    private static IEnumerable<int> StepsBetweenKills(int lines, int kills)
    {
        var steps = Math.Max(kills, 2 * lines / InvoicingRun.ReportEvery - 1);
        var points = Enumerable.Range(0, kills).Select(_ => Random.Shared.Next(1, steps + 1)).Order().ToArray();
        for (var i = 0; i < kills; i++)
            yield return i == 0 ? points[0] : points[i] - points[i - 1];
    }

    private static async Task<bool> RunAndKillAsync(
        Arguments arguments, string folder, int steps, int number, CancellationToken cancellationToken)
    {
        using var child = Start(arguments, folder);
        try
        {
            var last = "";
            while (steps-- > 0 && await child.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
                last = line;
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * 8), cancellationToken);
            if (child.HasExited)
                return false;
            child.Kill();
            await child.WaitForExitAsync(cancellationToken);
            Console.WriteLine($"kill {number,3}: {last}");
            return true;
        }
        finally
        {
            if (!child.HasExited)
                child.Kill();
        }
    }

    private static Process Start(Arguments arguments, string folder)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
            start.ArgumentList.Add(typeof(CrashRun).Assembly.Location);
        foreach (var argument in new[] { arguments.File, "--folder", folder, "--child", "--pause", "2" })
            start.ArgumentList.Add(argument);
        start.Environment["DOTNET_TieredPGO"] = "0";
        return Process.Start(start) ?? throw new InvalidOperationException("The child process did not start.");
    }

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
