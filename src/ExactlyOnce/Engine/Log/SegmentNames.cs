using System.Globalization;

namespace ExactlyOnce.Engine.Log;

/// <summary>The names of a partition's files: Kafka's.</summary>
internal static class SegmentNames
{
    public const string Log = ".log";
    public const string OffsetIndex = ".index";
    public const string TimeIndex = ".timeindex";
    public const string TransactionIndex = ".txnindex";
    public const string ProducerSnapshot = ".snapshot";

    public static string Of(long baseOffset, string ending) => baseOffset.ToString("D20", CultureInfo.InvariantCulture) + ending;

    /// <summary>The ending by which a compacted segment of some generation differs: none for generation 0.</summary>
    public static string Suffix(int generation) => generation == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $".c{generation}");
}
