using System.Globalization;

namespace ImportWithBackpressure;

/// <summary>A file of lines of one length: number, customer, amount in cents.</summary>
internal static class LineFile
{
    /// <summary>The characters of a line, without its end.</summary>
    public const int LineBytes = 80;

    /// <summary>Writes the file; answers the sum of the amounts.</summary>
    public static long Write(string path, int lines)
    {
        var sum = 0L;
        using var writer = new StreamWriter(path);
        for (var number = 0; number < lines; number++)
        {
            var amount = number * 7919L % 100_000;
            sum += amount;
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{number:D10};customer-{number % 997:D4};{amount:D8}").PadRight(LineBytes, ' '));
        }
        return sum;
    }

    public static string CustomerOf(string line) => line.Split(';')[1];

    public static long AmountOf(string line) => long.Parse(line.Split(';')[2].AsSpan().TrimEnd(), CultureInfo.InvariantCulture);
}
