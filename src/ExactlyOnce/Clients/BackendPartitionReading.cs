namespace ExactlyOnce.Clients;

/// <summary>What readers derive from a partition's marks.</summary>
internal static class BackendPartitionReading
{
    /// <summary>The end of what a reader of this isolation may see: where "latest" is.</summary>
    public static long EndOffset(this BackendPartition partition, IsolationLevel isolation)
    {
        var offsets = partition.Offsets;
        return Math.Max(offsets.LogStart, isolation == IsolationLevel.ReadCommitted ? offsets.LastStable : offsets.HighWatermark);
    }
}
