using System.Globalization;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>The topics of a round. Their segments are small, so that everything that happens to segments happens often.</summary>
internal static class HammerTopics
{
    /// <summary>Written by anybody; its records are deleted by administrators.</summary>
    public static readonly Topic<string, byte[]> Plain = Make("plain");

    /// <summary>Compacted.</summary>
    public static readonly Topic<string, byte[]> Keyed = Make("keyed");

    /// <summary>Keeps to a size.</summary>
    public static readonly Topic<string, byte[]> Small = Make("small");

    /// <summary>Two halves of transactions.</summary>
    public static readonly Topic<string, byte[]> Left = Make("left");

    public static readonly Topic<string, byte[]> Right = Make("right");

    /// <summary>A pipeline's input and output; nothing of them is ever removed.</summary>
    public static readonly Topic<string, byte[]> Source = Make("source");

    public static readonly Topic<string, byte[]> Copied = Make("copied");

    /// <summary>A numbered source, imported; nothing is ever removed.</summary>
    public static readonly Topic<string, byte[]> Imported = Make("imported");

    public const int Partitions = 2;

    public const string CopyGroup = "copier";

    /// <summary>Positions that only transactions move.</summary>
    public const string PositionsGroup = "positions";

    public const string ReadersGroup = "readers";

    public static readonly Topic<string, byte[]>[] All = [Plain, Keyed, Small, Left, Right, Source, Copied, Imported];

    public static IEnumerable<TopicPartition> PartitionsOf(Topic<string, byte[]> topic) =>
        Enumerable.Range(0, Partitions).Select(partition => new TopicPartition(topic.Name, partition));

    public static void Configure(TopicOptions options, Topic<string, byte[]> topic)
    {
        options.Partitions = Partitions;
        options.SegmentBytes = 64 << 10;
        options.RetainFor = TopicOptions.Forever;
        options.Cleanup = topic == Keyed ? CleanupPolicy.Compact : CleanupPolicy.Delete;
        if (topic == Small)
            options.RetainBytes = 128 << 10;
    }

    public static string KeyOf(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static Topic<string, byte[]> Make(string name) => Topic.Create(name, Serdes.Utf8, Serdes.Bytes);
}
