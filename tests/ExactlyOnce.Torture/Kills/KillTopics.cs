using System.Globalization;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Kills;

/// <summary>What a child writes to and reads from.</summary>
internal static class KillTopics
{
    public const string CopyGroup = "copier";
    public const string ImportName = "importer";

    public static readonly Topic<string, byte[]> Plain = Make("plain");
    public static readonly Topic<string, byte[]> Keyed = Make("keyed");
    public static readonly Topic<string, byte[]> Left = Make("left");
    public static readonly Topic<string, byte[]> Right = Make("right");
    public static readonly Topic<string, byte[]> Copied = Make("copied");
    public static readonly Topic<string, byte[]> Imported = Make("imported");

    public static readonly (Topic<string, byte[]> Topic, int Partitions)[] All =
        [(Plain, 3), (Keyed, 2), (Left, 2), (Right, 2), (Copied, 3), (Imported, 2)];

    public static async Task CreateAsync(Broker broker, ChildHistory history)
    {
        foreach (var (topic, partitions) in All)
        {
            if (broker.Admin.DescribeTopic(topic.Name) is not null)
                continue;
            var operation = history.Invoke(0, new Testing.History.ChangeTopic(topic.Name, Testing.History.TopicChange.Create, partitions));
            await broker.Admin.CreateTopicAsync(topic.Name, options =>
            {
                options.Partitions = partitions;
                options.SegmentBytes = 32 << 10;
                options.Cleanup = topic == Keyed ? CleanupPolicy.Compact : CleanupPolicy.Delete;
            });
            history.Complete(0, operation);
        }
    }

    public static IEnumerable<TopicPartition> PartitionsOf(Topic<string, byte[]> topic) =>
        Enumerable.Range(0, All.First(one => one.Topic == topic).Partitions).Select(partition => new TopicPartition(topic.Name, partition));

    public static ProducerRecord<string, byte[]> Record(long value, string key, int partition, int padding) =>
        new(key, StampedValue.Encode(value, key, padding)) { Partition = partition };

    public static string KeyOf(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static Topic<string, byte[]> Make(string name) => Topic.Create(name, Serdes.Utf8, Serdes.Bytes);
}
