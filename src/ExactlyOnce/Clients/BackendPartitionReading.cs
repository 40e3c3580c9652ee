namespace ExactlyOnce.Clients;

/// <summary>What readers derive from a partition's marks.</summary>
internal static class BackendPartitionReading
{
    /// <summary>The end of what a reader of this isolation may see: where "latest" is. Never in front of what can be read.</summary>
    public static long EndOffset(this BackendPartition partition, IsolationLevel isolation)
    {
        var offsets = partition.Offsets;
        return Math.Max(partition.ReadableFrom, isolation == IsolationLevel.ReadCommitted ? offsets.LastStable : offsets.HighWatermark);
    }
}
