using System.Diagnostics;

namespace ExactlyOnce.Benchmarks;

/// <summary>
/// The end-to-end figures beside their budget, in under two minutes. Medians of several short runs; ratios are between runs of one process. Ends with PASS, or with a
/// line for every row over its budget and exit code 1.
/// </summary>
internal static class Summary
{
    public static async Task<int> RunAsync(bool isQuick)
    {
        var total = Stopwatch.StartNew();
        Console.WriteLine($"{Environment.ProcessorCount} processors, .NET {Environment.Version}, {DateTimeOffset.UtcNow:yyyy-MM-dd}\n");
        var rows = new List<Row>();
        foreach (var measure in Measures(isQuick))
            foreach (var row in await measure())
            {
                Print(row);
                rows.Add(row);
            }
        Console.WriteLine($"\n{total.Elapsed.TotalSeconds:N0} s");
        var over = rows.Where(row => !row.IsWithin).ToList();
        foreach (var row in over)
            Console.WriteLine($"over budget: {row.Name}: {row.Figure} (budget {row.Budget})");
        if (over.Count == 0)
            Console.WriteLine("PASS");
        return over.Count == 0 ? 0 : 1;
    }

    private static IEnumerable<Func<Task<IReadOnlyList<Row>>>> Measures(bool isQuick) =>
    [
        () => EndToEnd.RunAsync(isQuick ? 2_000_000 : 10_000_000),
        () => SingleSend.RunAsync(isQuick ? 500_000 : 3_000_000),
        () => DurableCommits.RunAsync(TimeSpan.FromSeconds(isQuick ? 1 : 4)),
        () => Reopening.RunAsync(isQuick ? 128L << 20 : 1L << 30),
    ];

    private static void Print(Row row) =>
        Console.WriteLine($"{row.Name,-58} {row.Figure,-34} budget {row.Budget,-26} {(row.IsWithin ? "" : "OVER")}");
}
