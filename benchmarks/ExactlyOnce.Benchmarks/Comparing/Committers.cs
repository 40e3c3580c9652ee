using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>Commits side by side for a while: each committer waits for its commit and begins the next.</summary>
internal static class Committers
{
    /// <summary>As tasks.</summary>
    public static async Task<CommitRun> RunAsync(int committers, TimeSpan duration, Func<int, ValueTask> commitAsync)
    {
        var clock = Stopwatch.StartNew();
        var times = await Task.WhenAll(Enumerable.Range(0, committers).Select(committer => Task.Run(async () =>
        {
            var own = new List<double>(1 << 14);
            for (var before = clock.Elapsed; before < duration;)
            {
                await commitAsync(committer);
                var after = clock.Elapsed;
                own.Add((after - before).TotalMicroseconds);
                before = after;
            }
            return own;
        })));
        return new CommitRun(times, clock.Elapsed);
    }

    /// <summary>As threads, for those whose commit blocks.</summary>
    public static CommitRun RunThreads(int committers, TimeSpan duration, Action<int> commit)
    {
        var times = Enumerable.Range(0, committers).Select(_ => new List<double>(1 << 14)).ToArray();
        var clock = Stopwatch.StartNew();
        var threads = Enumerable.Range(0, committers).Select(committer => new Thread(() =>
        {
            for (var before = clock.Elapsed; before < duration;)
            {
                commit(committer);
                var after = clock.Elapsed;
                times[committer].Add((after - before).TotalMicroseconds);
                before = after;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return new CommitRun(times, clock.Elapsed);
    }
}

/// <summary>How many commits there were, how long each took, in microseconds, and all together.</summary>
internal sealed record CommitRun(IReadOnlyList<List<double>> Times, TimeSpan Elapsed)
{
    public long Count => Times.Sum(own => (long)own.Count);

    public Figure[] Figures(Quantity quantity) =>
    [
        new Figure(quantity, Count / Elapsed.TotalSeconds),
        new Figure(Quantity.Latency, Count == 0 ? double.NaN : Statistics.Quantile([.. Times.SelectMany(own => own)], 0.5)),
    ];
}
