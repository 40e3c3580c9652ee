using ExactlyOnce.Benchmarks.Comparing;

namespace ExactlyOnce.Benchmarks.Growing;

/// <summary>
/// The cost of one piece of work as what is around it grows, in memory. What the work does not touch must not make it dearer faster than logarithmically. The
/// sizes of a dimension are measured by turns, after the smallest once without being counted (what is compiled on the way would be its cost), and the median of
/// the rounds counts.
/// </summary>
internal static class GrowthCommand
{
    private const string Usage = """
        growth [--quick] [--markdown PATH]
          --quick          fewer rounds, and 10^7 records at most
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
        var table = new GrowthTable();
        foreach (var dimension in Dimensions.List(isQuick))
            table.Add(dimension, await MeasureAsync(dimension, rounds: isQuick ? 1 : 3));
        if (markdown is not null)
            MarkdownFile.Write(markdown, "growth", table.ToMarkdown());
        return 0;
    }

    private static async Task<double[]> MeasureAsync(Dimension dimension, int rounds)
    {
        var costs = dimension.Sizes.Select(_ => new List<double>()).ToArray();
        await Task.Run(() => dimension.MeasureAsync(dimension.Sizes[0]));
        for (var round = 0; round < rounds; round++)
            for (var i = 0; i < costs.Length; i++)
            {
                GC.Collect();
                var size = dimension.Sizes[i];
                costs[i].Add(await Task.Run(() => dimension.MeasureAsync(size)));
            }
        return Array.ConvertAll(costs, Statistics.Median);
    }
}
