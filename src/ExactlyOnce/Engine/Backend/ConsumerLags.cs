using System.Diagnostics.Metrics;
using System.Globalization;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// How far each group is behind, when somebody asks. Counted in deliverable records, so that a group that has done everything shows zero and not the markers
/// behind its last record; a long way is not counted but measured in offsets, because counting goes through the headers of all its batches.
/// </summary>
internal static class ConsumerLags
{
    private const long CountedOffsetsMax = 100_000;

    public static List<Measurement<long>> Of(BrokerEngine engine)
    {
        var lags = new List<Measurement<long>>();
        foreach (var (group, key, offset) in CommittedOffsets(engine))
            if (engine.Partitions.Find(key) is { } partition)
                lags.Add(new Measurement<long>(
                    LagOf(engine, partition, offset), new(TelemetryNames.SystemName, TelemetryNames.System), new(TelemetryNames.ConsumerGroupName, group),
                    new(TelemetryNames.DestinationName, partition.Name.Topic),
                    new(TelemetryNames.DestinationPartitionId, partition.Name.Partition.ToString(CultureInfo.InvariantCulture))));
        return lags;
    }

    // A copy, so that no log is read under the coordination lock.
    private static List<(string Group, PartitionKey Partition, long Offset)> CommittedOffsets(BrokerEngine engine)
    {
        var committed = new List<(string, PartitionKey, long)>();
        lock (engine.State.Lock)
            foreach (var (group, offsets) in engine.State.Groups.Offsets.Groups)
                foreach (var (partition, stored) in offsets.Committed)
                    committed.Add((group, partition, stored.Offset));
        return committed;
    }

    private static long LagOf(BrokerEngine engine, Partition partition, long committed)
    {
        var from = Math.Max(committed, partition.View.LogStart);
        var offsets = Math.Max(0, partition.VisibleMark.LastStable - from);
        if (offsets is 0 or > CountedOffsetsMax)
            return offsets;
        try
        {
            using var cursor = new PartitionCursor(partition, from, IsolationLevel.ReadCommitted);
            return cursor.CountDeliverable(engine.Decompressor());
        }
        catch (BrokerException)
        {
            // Damage, or a topic that was deleted meanwhile, is told to readers; a gauge has nobody to tell.
            return offsets;
        }
    }
}
