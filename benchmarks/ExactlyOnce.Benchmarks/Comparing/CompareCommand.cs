using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// Runs rows, us beside our peers, and tells how each came out: the commands compare and latency. Ends with PASS, or with a line for each row that falls short
/// and exit code 1; exit code 2 when the command line is not understood.
/// </summary>
internal static class CompareCommand
{
    public static async Task<int> RunAsync(string name, string[] arguments, IReadOnlyList<Row> rows)
    {
        CompareOptions options;
        try
        {
            options = CompareOptions.Parse(arguments, rows);
        }
        catch (ArgumentException exception)
        {
            Console.Error.WriteLine($"{exception.Message}\n\n{CompareOptions.Usage}");
            return 2;
        }
        var clock = Stopwatch.StartNew();
        Console.WriteLine($"{Machine.Describe()}\n");
        var results = new List<RowResult>();
        var runner = new Runner(options.Scale);
        foreach (var row in options.Rows)
        {
            results.Add(await runner.RunAsync(row));
            ConsoleTable.Print(results[^1], MarkdownTable.NumberOf(row, rows));
        }
        if (options.Markdown is { } path)
            MarkdownFile.Write(path, name, MarkdownTable.Of(results, options.Scale, rows));
        Console.WriteLine($"{clock.Elapsed.TotalSeconds:N0} s\n");
        return Conclude(results);
    }

    private static int Conclude(IReadOnlyList<RowResult> results)
    {
        var shortfalls = results.SelectMany(result => result.Shortfalls).ToList();
        foreach (var shortfall in shortfalls)
            Console.WriteLine(shortfall);
        if (shortfalls.Count == 0)
            Console.WriteLine("PASS");
        return shortfalls.Count == 0 ? 0 : 1;
    }
}
