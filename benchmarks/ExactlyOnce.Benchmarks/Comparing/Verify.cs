namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>A figure counts only for work that was done.</summary>
internal static class Verify
{
    public static void Equal(long expected, long actual, string what)
    {
        if (actual != expected)
            throw new InvalidOperationException($"{actual:N0} {what}, {expected:N0} were expected.");
    }

    public static void AtLeast(long expected, long actual, string what)
    {
        if (actual < expected)
            throw new InvalidOperationException($"{actual:N0} {what}, at least {expected:N0} were expected.");
    }

    /// <summary>What all partitions of a topic end at: its records, and a marker for each transaction and partition.</summary>
    public static long EndOffsets(Broker broker, string topic)
    {
        var sum = 0L;
        for (var i = 0; i < broker.Admin.DescribeTopic(topic)!.Partitions; i++)
            sum += broker.Backend.GetPartition(new TopicPartition(topic, i)).Offsets.HighWatermark;
        return sum;
    }
}
