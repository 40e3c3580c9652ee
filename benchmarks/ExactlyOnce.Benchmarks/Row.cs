using System.Globalization;

namespace ExactlyOnce.Benchmarks;

/// <summary>One line of the summary: what was measured, what it may cost, and whether it does.</summary>
internal sealed record Row(string Name, string Budget, string Figure, bool IsWithin)
{
    public static string Number(double value) => value.ToString(value < 100 ? "N1" : "N0", CultureInfo.InvariantCulture);

    public static double Median(IEnumerable<double> values)
    {
        var ordered = values.Order().ToArray();
        return ordered[ordered.Length / 2];
    }
}
