using System.Globalization;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>What was asked for on the command line.</summary>
internal sealed record CompareOptions(Scale Scale, IReadOnlyList<Row> Rows, string? Markdown)
{
    public const string Usage = """
        compare|latency|kafka|bus [--quick] [--only ROW,ROW] [--markdown PATH] [--scale FACTOR]
          --quick          short rounds, and few: the whole comparison in under two minutes
          --only           only these rows, by number or name
          --markdown       writes the table into this file, between its markers if it has them
          --scale          times the usual amount of work; far below 1 it only shows that everything runs
        """;

    /// <exception cref="ArgumentException">Something is not understood; the message says what.</exception>
    public static CompareOptions Parse(ReadOnlySpan<string> arguments, IReadOnlyList<Row> rows)
    {
        var options = new CompareOptions(new Scale(IsQuick: false, Factor: 1), rows, Markdown: null);
        for (var i = 0; i < arguments.Length; i++)
            options = arguments[i] switch
            {
                "--quick" => options with { Scale = options.Scale with { IsQuick = true } },
                "--only" => options with { Rows = Select(Value(arguments, ref i), rows) },
                "--markdown" => options with { Markdown = Value(arguments, ref i) },
                "--scale" => options with { Scale = options.Scale with { Factor = ParseFactor(Value(arguments, ref i)) } },
                var unknown => throw new ArgumentException($"'{unknown}' is not an option."),
            };
        return options;
    }

    private static string Value(ReadOnlySpan<string> arguments, ref int at)
    {
        var option = arguments[at];
        return ++at < arguments.Length ? arguments[at] : throw new ArgumentException($"{option} needs a value.");
    }

    private static IReadOnlyList<Row> Select(string names, IReadOnlyList<Row> rows) =>
    [
        .. names.Split(',', StringSplitOptions.TrimEntries).Distinct().Select(name =>
            int.TryParse(name, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= rows.Count
                ? rows[number - 1]
                : rows.FirstOrDefault(row => row.Name == name)
                    ?? throw new ArgumentException($"There is no row '{name}'. Rows: {string.Join(", ", rows.Select(row => row.Name))}.")),
    ];

    private static double ParseFactor(string value) =>
        double.TryParse(value, CultureInfo.InvariantCulture, out var factor) && factor > 0 && factor <= 10
            ? factor
            : throw new ArgumentException($"--scale is a number above 0 and at most 10; it was '{value}'.");
}
