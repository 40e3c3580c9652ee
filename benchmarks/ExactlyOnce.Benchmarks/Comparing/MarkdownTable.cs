using System.Text;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>The comparison as benchmarks/README.md shows it.</summary>
internal static class MarkdownTable
{
    public static string Of(IReadOnlyList<RowResult> results, Scale scale, IReadOnlyList<Row> rows)
    {
        var text = new StringBuilder();
        text.AppendLine($"{Machine.Describe()}. Medians of {(scale.IsQuick ? "a quick run's" : "a full run's")} rounds, in brackets the least and the most.");
        text.AppendLine();
        text.AppendLine("| row | | measured | asked | reached | |");
        text.AppendLine("|---|---|---|---|---|---|");
        foreach (var result in results)
            text.AppendLine(
                $"| {NumberOf(result.Row, rows)} `{result.Row.Name}` | {Title(result.Row)} | {Measured(result)} " +
                $"| {Asked(result)} | {Reached(result)} | {Verdict(result)} |");
        var lacking = results.SelectMany(result => result.Contestants).Where(contestant => contestant.Lacks.Length > 0).DistinctBy(Lack).ToList();
        if (lacking.Count == 0)
            return text.ToString();
        text.AppendLine();
        text.AppendLine("What the others do not do:");
        text.AppendLine();
        foreach (var contestant in lacking)
            text.AppendLine($"- {Lack(contestant)}");
        return text.ToString();
    }

    public static int NumberOf(Row row, IReadOnlyList<Row> rows) => rows.Index().First(numbered => numbered.Item == row).Index + 1;

    private static string Title(Row row) => row.Note.Length == 0 ? row.Title : $"{row.Title}. {row.Note}";

    private static string Measured(RowResult result) =>
        result.Failure is { } failure
            ? failure.Replace('|', '/').ReplaceLineEndings(" ")
            : Join(result.Series.Select(series => $"{series.Contestant}: {series}"));

    private static string Asked(RowResult result) => Join(result.Row.Bars.Select(bar => bar.Asked));

    private static string Reached(RowResult result) => Join(result.Bars.Select(bar => bar.Reached));

    private static string Verdict(RowResult result) =>
        result.Failure is not null ? "not measured" : Join(result.Bars.Select(bar => bar.IsMet ? "met" : "**below**"));

    private static string Join(IEnumerable<string> lines) => string.Join("<br>", lines);

    private static string Lack(Contestant contestant) => $"{contestant.Name}: {contestant.Lacks}";
}
