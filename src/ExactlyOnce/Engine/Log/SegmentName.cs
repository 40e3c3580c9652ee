using System.Globalization;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The names of a segment's files: <c>00000000000000000042.log</c> as in Kafka, and <c>00000000000000000042.3.log</c> for what compaction (or a checkpoint
/// after a failed one) wrote anew with the same base offset. A name is taken again only when no file has it, and no open file is ever renamed: the
/// checkpoint's list says which generation lives, so a crash at any point leaves either the old file or the new one in force, and after two compactions the
/// plain name is back. Kafka's tools take the base offset from the digits in front of the first dot and the kind from behind the last: they read both forms.
/// </summary>
/// <param name="BaseOffset">At or below the first offset in the segment, above all offsets of the one in front.</param>
/// <param name="Generation">0 for the plain name.</param>
internal readonly record struct SegmentName(long BaseOffset, int Generation)
{
    public const string LogSuffix = ".log";
    public const string OffsetIndexSuffix = ".index";
    public const string TimeIndexSuffix = ".timeindex";
    public const string TransactionIndexSuffix = ".txnindex";

    private const int OffsetDigits = 20;

    /// <summary>The suffixes of all files of a segment, the log first.</summary>
    public static readonly string[] Suffixes = [LogSuffix, OffsetIndexSuffix, TimeIndexSuffix, TransactionIndexSuffix];

    public string In(string directory, string suffix) => Path.Combine(directory, FileName(suffix));

    public string FileName(string suffix)
    {
        var offset = DigitsOf(BaseOffset);
        return Generation == 0 ? offset + suffix : string.Create(CultureInfo.InvariantCulture, $"{offset}.{Generation}{suffix}");
    }

    /// <summary>The 20 digits that names of a partition's files begin with.</summary>
    public static string DigitsOf(long offset) => offset.ToString("D20", CultureInfo.InvariantCulture);

    /// <summary>False for a name that no segment file has.</summary>
    public static bool TryParse(string fileName, out SegmentName name, out string suffix)
    {
        name = default;
        suffix = Path.GetExtension(fileName);
        if (Array.IndexOf(Suffixes, suffix) < 0)
            return false;
        var stem = fileName.AsSpan(0, fileName.Length - suffix.Length);
        var generation = 0;
        if (stem.Length > OffsetDigits)
        {
            if (stem[OffsetDigits] != '.' || !TryParseDigits(stem[(OffsetDigits + 1)..], out var parsed) || parsed is 0 or > int.MaxValue)
                return false;
            generation = (int)parsed;
            stem = stem[..OffsetDigits];
        }
        if (stem.Length != OffsetDigits || !TryParseDigits(stem, out var baseOffset))
            return false;
        name = new SegmentName(baseOffset, generation);
        return name.FileName(suffix) == fileName;
    }

    private static bool TryParseDigits(ReadOnlySpan<char> digits, out long value) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
