using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// Us beside our peers in one run. Ends with PASS, or with a line for each row that falls short and exit code 1; exit code 2 when the command line is not understood.
/// </summary>
internal static class CompareCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        CompareOptions options;
        try
        {
            options = CompareOptions.Parse(arguments, AllRows.List);
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
            ConsoleTable.Print(results[^1], AllRows.NumberOf(row));
        }
        if (options.Markdown is { } path)
            MarkdownFile.Write(path, "compare", MarkdownTable.Of(results, options.Scale));
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
