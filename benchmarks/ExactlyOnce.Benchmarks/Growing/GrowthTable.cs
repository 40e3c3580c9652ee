using System.Text;
using ExactlyOnce.Benchmarks.Comparing;

namespace ExactlyOnce.Benchmarks.Growing;

/// <summary>A line for each dimension, printed as soon as it is measured.</summary>
internal sealed class GrowthTable
{
    private readonly List<(Dimension Dimension, double[] Costs)> _lines = [];

    public void Add(Dimension dimension, double[] costs)
    {
        _lines.Add((dimension, costs));
        Console.WriteLine($"{dimension.Grows}: {dimension.Work}");
        foreach (var (size, cost) in dimension.Sizes.Zip(costs))
            Console.WriteLine($"     {size,12:N0} {Quantity.Nanoseconds.Write(cost),16}");
        Console.WriteLine($"     {"most ÷ least",12} {Times(costs)}\n");
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine($"{Machine.Describe()}. Nanoseconds of one piece of work at each size, medians.");
        text.AppendLine();
        text.AppendLine("| what grows | work | touched by it | at each size | most ÷ least |");
        text.AppendLine("|---|---|---|---|---|");
        foreach (var (dimension, costs) in _lines)
            text.AppendLine($"| {dimension.Grows} | {dimension.Work} | {(dimension.IsTouched ? "yes" : "no")} | {Sizes(dimension, costs)} | {Times(costs)} |");
        return text.ToString();
    }

    private static string Sizes(Dimension dimension, double[] costs) =>
        string.Join("<br>", dimension.Sizes.Zip(costs, (size, cost) => $"{size:N0}: {Quantity.Number(cost)}"));

    private static string Times(double[] costs) => $"{Quantity.Number(costs[^1] / costs[0])} ×";
}
