using System.Globalization;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>The places in a broker's directory.</summary>
internal static class Directories
{
    public const string LockFile = "lock";
    public const string Topics = "topics";
    public const string CheckpointSuffix = ".checkpoint";

    private const int NameCharsMax = 180;

    /// <summary>
    /// A partition's folder. The topic's number comes first, so that a deleted topic and a new one of the same name never share it; the name is for people.
    /// </summary>
    public static string Of(string root, PartitionKey key, string topic) => Path.Combine(root, Topics, string.Create(
        CultureInfo.InvariantCulture, $"{key.Topic}-{(topic.Length > NameCharsMax ? topic[..NameCharsMax] : topic)}-{key.Index}"));

    public static string Of(string root, Partition partition) => Of(root, partition.Key, partition.Name.Topic);

    public static string CheckpointName(long number) => number.ToString("D20", CultureInfo.InvariantCulture) + CheckpointSuffix;

    /// <summary>The number in a checkpoint's name; −1 for another file.</summary>
    public static long CheckpointNumber(string? name) =>
        name is not null && name.EndsWith(CheckpointSuffix, StringComparison.Ordinal) &&
        long.TryParse(name.AsSpan(0, name.Length - CheckpointSuffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
}
