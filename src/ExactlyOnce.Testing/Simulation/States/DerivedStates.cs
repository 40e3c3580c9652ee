using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>
/// Everything is at rest: what the broker has in memory, what another one loads from a copy of its directory, and what the log alone gives, must be the same
/// (I17). The copy has lost some of its indexes, which are made of the log and have to be made again.
/// </summary>
internal sealed class DerivedStates(SimulatedBroker broker, SimulationRandom random)
{
    public void Compare()
    {
        var copy = broker.Device.Fork();
        foreach (var segment in broker.Engine.Partitions.InOrder().SelectMany(partition => partition.View.Segments.ToArray()))
            foreach (var suffix in SegmentName.Suffixes.Skip(1))
                if (copy.FileExists(segment.File.PathOf(suffix)) && random.OneIn(4))
                    copy.Delete(segment.File.PathOf(suffix));
        using var loaded = new TwinBroker(broker, copy);
        foreach (var (structure, difference) in LogicalState.Of(broker.Engine).CompareTo(LogicalState.Of(loaded.Engine)))
            Observe(structure, difference);
        CompareWithLogs();
        foreach (var partition in broker.Engine.Partitions.InOrder())
            CompareIndexes(partition, "kept");
        foreach (var partition in loaded.Engine.Partitions.InOrder())
            CompareIndexes(partition, "loaded");
    }

    /// <summary>The tables of the partitions against what their logs alone give; also where not all is at rest.</summary>
    public void CompareWithLogs()
    {
        foreach (var partition in broker.Engine.Partitions.InOrder())
            if (RebuiltPartition.IsWhole(partition))
                Observe($"what the log of {partition.Name} gives", new RebuiltPartition(partition).FindDifference(isProducerForgotten: MayForgetProducers()));
    }

    private void CompareIndexes(Partition partition, string how)
    {
        var isWhole = RebuiltPartition.IsWhole(partition);
        var aborted = new AbortedFold();
        foreach (var segment in partition.View.Segments)
        {
            var structure = $"the indexes {how} of {segment}";
            Observe(structure, SegmentIndexCheck.FindDifference(segment));
            if (!isWhole)
                continue;
            var before = aborted.Entries.Count;
            aborted.Add(segment.File, segment.Description);
            if (!aborted.Entries.Skip(before).SequenceEqual(segment.AbortedEntries))
                Observe(structure, "the transaction index has other entries than the log gives");
        }
    }

    private void Observe(string structure, string? difference) => broker.Observe(new DerivedStateCompared(structure, difference is null, difference));

    private bool MayForgetProducers() =>
        broker.Plan.HasClockJumps || broker.Clock.WallMs - VirtualTime.BeginningMs >= broker.Plan.Engine.ProducerExpiry.TotalMilliseconds;
}
