using System.Buffers;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>
/// Everything that a broker knows at one moment, in parts that have names: its coordination tables, and of each partition the rules' state and the batches of
/// the log, markers and aborted ones among them. Equal states have equal bytes. The leader epoch of a batch is left out: an opening counts it up, and no reader
/// of this process sees it.
/// </summary>
internal sealed class LogicalState
{
    private const int RunBytes = 64 << 10;

    private readonly List<(string Structure, byte[] Bytes)> _parts = [];

    private LogicalState()
    {
    }

    /// <summary>Bytes of the tables alone, without the logs.</summary>
    public long TableBytes { get; private set; }

    public ulong Hash
    {
        get
        {
            var hash = 0UL;
            foreach (var (structure, bytes) in _parts)
                hash = Fingerprint.Add(Fingerprint.Add(hash, structure), bytes);
            return hash;
        }
    }

    /// <summary>The tables and the logs, or the tables alone, which is much less to read.</summary>
    public static LogicalState Of(BrokerEngine engine, bool withLogs = true)
    {
        var state = new LogicalState();
        state.AddTable("topics", engine.State.Topics.WriteSnapshot);
        state.AddTable("transactions", engine.State.Transactions.WriteSnapshot);
        state.AddTable("groups and offsets", engine.State.Groups.WriteSnapshot);
        state.AddTable("message ids", engine.State.MessageIds.WriteSnapshot);
        foreach (var partition in engine.Partitions.InOrder())
        {
            state.AddTable($"producers of {partition.Name}", destination => WriteProducers(partition.State, destination));
            if (withLogs)
                state._parts.Add(($"log of {partition.Name}", LogOf(partition)));
        }
        return state;
    }

    /// <summary>Part by part: what is different, or null where nothing is.</summary>
    public IEnumerable<(string Structure, string? Difference)> CompareTo(LogicalState other)
    {
        var others = other._parts.ToDictionary(part => part.Structure, part => part.Bytes);
        foreach (var (structure, bytes) in _parts)
            yield return (structure, !others.Remove(structure, out var found) ? "it is missing" : DifferenceOf(bytes, found));
        foreach (var structure in others.Keys)
            yield return (structure, "it was not there before");
    }

    private static string? DifferenceOf(byte[] bytes, byte[] found) => bytes.AsSpan().SequenceEqual(found)
        ? null
        : $"{bytes.Length} and {found.Length} bytes, which differ from byte {bytes.AsSpan().CommonPrefixLength(found)}";

    /// <summary>
    /// Of each producer as many batches as every window has. A topic's window that was altered holds for a partition from its next opening on, so what is
    /// loaded may remember fewer than what runs, or more.
    /// </summary>
    private static void WriteProducers(PartitionState state, IBufferWriter<byte> destination)
    {
        var whole = new ArrayBufferWriter<byte>();
        state.WriteSnapshot(whole);
        PartitionState.ReadSnapshot(whole.WrittenSpan, new PartitionRules(PartitionRules.BatchWindowMin)).WriteSnapshot(destination);
    }

    private void AddTable(string structure, Action<IBufferWriter<byte>> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        write(bytes);
        TableBytes += bytes.WrittenCount;
        _parts.Add((structure, bytes.WrittenSpan.ToArray()));
    }

    private static byte[] LogOf(Partition partition)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using var cursor = new LogCursor(partition, partition.View.LogStart);
        while (cursor.TryRead(partition.VisibleMark.LogEnd, RunBytes, out var run) == LogRead.Batches)
        {
            var batches = new BatchSequence(run.Span);
            while (batches.MoveNext())
            {
                bytes.Write(batches.Batch[..BatchHeader.LeaderEpochAt]);
                bytes.Write(batches.Batch[BatchHeader.MagicAt..]);
            }
        }
        return bytes.WrittenSpan.ToArray();
    }
}
