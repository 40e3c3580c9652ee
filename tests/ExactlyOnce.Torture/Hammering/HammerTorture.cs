using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// Real threads, a real clock and a real broker, round after round, in memory and in a folder by turns: everybody at once, everything into the history, every
/// invariant judged. What a round leaves behind is measured, too: memory and handles must not grow from round to round.
/// </summary>
internal sealed class HammerTorture : ITorture
{
    private const int RoundSeconds = 20;
    private const int ThreadsMax = 1_000;

    /// <summary>A round of each kind has to have been before anything is compared.</summary>
    private const int WarmRounds = 4;

    private const long MemoryGrowthBytesMax = 64 << 20;
    private const int HandleGrowthMax = 64;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private static readonly TimeSpan s_limitByDefault = TimeSpan.FromMinutes(10);

    private static readonly Durability[] s_durabilities = [Durability.Memory, Durability.Flushed, Durability.Memory, Durability.Written];

    private long _memoryBytes;
    private int _handles;

    public string Summary => $"real threads do everything to a real broker at once, --minutes M (10), --threads T ({HammerCast.ThreadsByDefault}); every invariant after each round";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
        var threads = (int)Math.Min(options.Number("threads", HammerCast.ThreadsByDefault), ThreadsMax);
        var limit = options.Limit ?? s_limitByDefault;
        progress.Print(string.Create(CultureInfo.InvariantCulture, $"seed {seed}, {threads} threads"));
        // The first counter is the rate.
        progress.Count("records", 0);
        // Clients block each other; the pool must not wait before it gives them a thread.
        ThreadPool.SetMinThreads(2 * threads, Environment.ProcessorCount);
        for (var number = 1; progress.Elapsed < limit; number++)
        {
            progress.Say(string.Create(CultureInfo.InvariantCulture, $"round {number}, {s_durabilities[(number - 1) % s_durabilities.Length]}"));
            var failures = RunRound(number, seed, threads, progress);
            progress.Count("rounds");
            if (failures.Count == 0)
                failures = Measure(number, progress);
            if (failures.Count > 0)
                return [string.Create(CultureInfo.InvariantCulture, $"seed {seed}, round {number}, {threads} threads:"), .. failures];
        }
        return [];
    }

    private static IReadOnlyList<string> RunRound(int number, ulong seed, int threads, Progress progress)
    {
        var durability = s_durabilities[(number - 1) % s_durabilities.Length];
        var folder = durability == Durability.Memory ? null : Directory.CreateTempSubdirectory("exactlyonce-hammer-").FullName;
        var round = new HammerRound(new HammerPlan(number, seed, threads, durability, folder, TimeSpan.FromSeconds(RoundSeconds)), progress);
        var failures = round.RunAsync().GetAwaiter().GetResult();
        if (failures.Count > 0)
            return [.. failures, $"The history, as a checker of Jepsen's would read it and event by event, is in {Keep(round.History)}.", .. folder is null ? Array.Empty<string>() : [$"The broker's directory is {folder}."]];
        if (folder is not null)
            Directory.Delete(folder, recursive: true);
        return [];
    }

    private static string Keep(HammerHistory history)
    {
        var folder = Directory.CreateTempSubdirectory("exactlyonce-hammer-history-").FullName;
        using var text = File.CreateText(Path.Combine(folder, "history.edn"));
        using var lines = File.CreateText(Path.Combine(folder, "history.txt"));
        using var edn = new EdnWriter(text);
        var number = 0;
        foreach (var next in history.Events)
        {
            edn.Add(next);
            lines.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{number++} {Describe(next)}"));
        }
        return folder;
    }

    private static string Describe(HistoryEvent next) => next switch
    {
        Completed { Answer: RecordsAnswer records } read =>
            $"{read with { Answer = null }} {string.Join(' ', records.Partitions.Select(part => $"{part with { Records = [] }} {string.Join(' ', part.Records.Select(record => $"{record.Offset}:{record.Value}"))}"))}",
        Invoked { Call: CommitOffsets commit } => $"{next} {string.Join(' ', commit.Offsets)}",
        Completed { Answer: OffsetsAnswer offsets } => $"{next} {string.Join(' ', offsets.Offsets)}",
        Observed { Fact: Assigned assigned } => $"{next} {string.Join(' ', assigned.Partitions)}",
        Observed { Fact: Revoked revoked } => $"{next} {string.Join(' ', revoked.Partitions)}",
        _ => next.ToString(),
    };

    /// <summary>After the warm rounds nothing that a round has used may still be held.</summary>
    private IReadOnlyList<string> Measure(int number, Progress progress)
    {
        var isWarm = number > WarmRounds;
        var began = progress.Elapsed;
        var (memory, handles) = Held();
        // A timer or a thread that is about to end may hold it a little longer.
        while (isWarm && memory > _memoryBytes + MemoryGrowthBytesMax && progress.Elapsed - began < s_patience)
        {
            Thread.Sleep(1_000);
            (memory, handles) = Held();
        }
        progress.Print(string.Create(
            CultureInfo.InvariantCulture, $"round {number} leaves {memory / 1e6:N1} MB and {handles} handles after {(progress.Elapsed - began).TotalSeconds:N1} s"));
        if (!isWarm)
        {
            (_memoryBytes, _handles) = (Math.Max(_memoryBytes, memory), Math.Max(_handles, handles));
            return [];
        }
        var failures = new List<string>();
        if (memory > _memoryBytes + MemoryGrowthBytesMax)
            failures.Add(string.Create(CultureInfo.InvariantCulture, $"Memory grows: {memory / 1e6:N1} MB are held, {_memoryBytes / 1e6:N1} MB after the first {WarmRounds} rounds."));
        if (handles > _handles + HandleGrowthMax)
            failures.Add(string.Create(CultureInfo.InvariantCulture, $"Handles grow: {handles} are open, {_handles} after the first {WarmRounds} rounds."));
        return failures;
    }

    private static (long MemoryBytes, int Handles) Held()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return (GC.GetTotalMemory(forceFullCollection: true), process.HandleCount);
    }
}
