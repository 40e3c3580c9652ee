using System.Globalization;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// Real processes on a <see cref="Testing.Disks.LossyDisk"/>, killed with SIGKILL thousands of times, also while they recover. This process is the oracle: it
/// knows what the children said, and holds every later life against it. One directory lives through many kills.
/// </summary>
internal sealed class KillTorture : ITorture
{
    private const long CasesByDefault = 100;
    private const int KillsOfDirectory = 1000;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public string Summary => "child processes killed with SIGKILL on a disk that loses what was not synced; --cases counts kills (100)";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
        progress.Print($"seed {seed}");
        var random = new Random((int)(seed ^ (seed >> 32)));
        var reached = new ReachedPoints();
        var (kills, cases) = (0L, options.Cases ?? CasesByDefault);
        for (var directory = 1; kills < cases; directory++)
        {
            var folder = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"exactlyonce-kill-{Environment.ProcessId}-{directory}"));
            ChildFolders.MakeNew(folder);
            using var lives = new KilledLives(folder, random, progress, reached);
            for (var kill = 0; kill < KillsOfDirectory && kills < cases && lives.Failures.Count == 0; kill++, kills++)
            {
                if (options.Limit is { } limit && progress.Elapsed > limit)
                    cases = 0;
                lives.LiveAndDie();
            }
            lives.CloseInPeace(s_patience);
            if (lives.Failures.Count > 0)
                return [.. lives.Failures, $"The directory, and what its children said, are in {folder}."];
            Directory.Delete(folder, recursive: true);
        }
        progress.Print(reached.Describe());
        return [];
    }
}
