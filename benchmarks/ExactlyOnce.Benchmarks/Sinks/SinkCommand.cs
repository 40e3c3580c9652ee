using ExactlyOnce.Benchmarks.Comparing;

namespace ExactlyOnce.Benchmarks.Sinks;

/// <summary>
/// Rows a second into SQLite, exactly once, beside the same rows without it; and out of an outbox. The contestants take turns, and the median of the rounds
/// counts. Each of them counts its rows and fails when one is missing or there twice.
/// </summary>
internal static class SinkCommand
{
    private const double RowsPerSecondMin = 50_000;

    private const string Usage = """
        sinks [--quick] [--markdown PATH]
          --quick          fewer rows and rounds
          --markdown       writes the table into this file, between its markers if it has them
        """;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var isQuick = false;
        string? markdown = null;
        for (var i = 0; i < arguments.Length; i++)
            if (arguments[i] == "--quick")
                isQuick = true;
            else if (arguments[i] == "--markdown" && i + 1 < arguments.Length)
                markdown = arguments[++i];
            else
            {
                Console.Error.WriteLine($"'{arguments[i]}' is not an option, or needs a value.\n\n{Usage}");
                return 2;
            }
        Console.WriteLine($"{Machine.Describe()}\n");
        var rows = SinkRows.List(isQuick ? 100_000 : 500_000);
        var rates = rows.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round <= (isQuick ? 3 : 7); round++)
            for (var i = 0; i < rows.Count; i++)
            {
                GC.Collect();
                var rate = await Task.Run(rows[i].MeasureAsync);
                // The first round compiles.
                if (round > 0)
                    rates[i].Add(rate);
            }
        var lines = rows.Select((row, i) => $"| {row.Name} | {Statistics.Median(rates[i]):N0} | {rates[i].Min():N0} to {rates[i].Max():N0} |").ToList();
        var table = $"{Machine.Describe()}\n\n| | rows/s | least to most |\n|---|---|---|\n{string.Join('\n', lines)}\n";
        Console.WriteLine(table);
        if (markdown is not null)
            MarkdownFile.Write(markdown, "sinks", table);
        return Judge(Statistics.Median(rates[0]));
    }

    private static int Judge(double rate)
    {
        Console.WriteLine(rate >= RowsPerSecondMin ? "PASS" : $"below bar: sink {rate:N0} rows/s, {RowsPerSecondMin:N0} are asked");
        return rate >= RowsPerSecondMin ? 0 : 1;
    }
}
