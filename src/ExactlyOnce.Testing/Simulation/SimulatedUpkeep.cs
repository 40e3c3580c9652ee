using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>What the broker does for itself, asked for by steps instead of a thread that sleeps; with what the history has to know about it.</summary>
internal static class SimulatedUpkeep
{
    public static void Take(StepKind kind, SimulatedBroker broker)
    {
        if (broker.HasFailed)
            return;
        var before = broker.Partitions();
        var ends = Array.ConvertAll(before, partition => (partition.View.LogStart, partition.State.LogEndOffset));
        try
        {
            Run(kind, broker);
        }
        catch (StorageException) when (!broker.Device.HasCrashed)
        {
            // A checkpoint that met a full or failing disk; housekeeping tries again later.
        }
        catch (DamagedStorageException) when (broker.IsBeyondPromise)
        {
            // Met and said.
        }
        if (broker.Device.HasCrashed)
            return;
        for (var i = 0; i < before.Length; i++)
            Observe(broker, before[i], ends[i]);
    }

    private static void Run(StepKind kind, SimulatedBroker broker)
    {
        var engine = broker.Engine;
        switch (kind)
        {
            case StepKind.Housekeep:
                engine.Housekeeping.Run();
                break;
            case StepKind.Checkpoint:
                engine.Checkpoint();
                break;
            case StepKind.Retain:
                engine.ApplyRetention(engine.NowMs);
                break;
            case StepKind.Compact:
                engine.CompactLogs(engine.NowMs);
                break;
            case StepKind.Expire:
                engine.ExpireIdle(engine.NowMs);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not the broker's own work.");
        }
    }

    private static void Observe(SimulatedBroker broker, Partition partition, (long LogStart, long LogEnd) before)
    {
        if (partition.View.LogStart > before.LogStart)
            broker.Observe(new Retained(broker.NameOf(partition), partition.View.LogStart));
        if ((partition.Options.Cleanup & CleanupPolicy.Compact) != 0)
            broker.Observe(new Compacted(broker.NameOf(partition), partition.VisibleMark.LastStable, before.LogEnd, partition.State.LogEndOffset));
    }
}
