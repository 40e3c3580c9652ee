using System.Globalization;

namespace ExactlyOnce.Hosting.Configuration;

/// <summary>How times and sizes are written in a configuration.</summary>
internal static class SettingText
{
    public const string TimeForm = "Write hours:minutes:seconds, for example 00:00:05 for five seconds or 7.00:00:00 for seven days; forever where there may be no end.";
    public const string BytesForm = "Write a number of bytes, or one with KiB, MiB or GiB behind it, for example 64MiB.";

    private static readonly (string Unit, long Bytes)[] s_units = [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30)];

    /// <summary>A bare number is refused: it would be days, and hardly anybody means them.</summary>
    public static bool TryReadTime(string text, out TimeSpan time)
    {
        if (text.Equals("forever", StringComparison.OrdinalIgnoreCase))
        {
            time = TopicOptions.Forever;
            return true;
        }
        return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out time) && text.Contains(':', StringComparison.Ordinal);
    }

    public static bool TryReadBytes(string text, out long bytes)
    {
        var (number, factor) = (text, 1L);
        foreach (var (unit, size) in s_units)
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
                (number, factor) = (text[..^unit.Length].TrimEnd(), size);
        var isNumber = long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out bytes) && Math.Abs(bytes) <= long.MaxValue / factor;
        bytes *= isNumber ? factor : 0;
        return isNumber;
    }
}
