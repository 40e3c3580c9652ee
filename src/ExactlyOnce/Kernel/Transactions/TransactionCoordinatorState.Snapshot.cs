using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    public const byte SnapshotVersion = 1;

    /// <summary>
    /// The whole state; equal states give equal bytes. Big-endian, parts as in <see cref="TransactionRecordCodec"/>; every list in ordinal order of its ids:
    /// <code>
    /// version u8 (1) · nextBlockFirst i64
    /// count i32 · count × (entry · partitions · groups · outcomes i32 · outcomes × outcome, the oldest first)
    /// count i32 · count × (tombstone: id text · identity · atMs i64)
    /// count i32 · count × named
    /// </code>
    /// </summary>
    public void WriteSnapshot(IBufferWriter<byte> destination)
    {
        var writer = new BigEndianWriter(destination);
        writer.Byte(SnapshotVersion);
        writer.Int64(NextBlockFirst);
        writer.Int32(_entries.Count);
        foreach (var entry in InOrder())
            Write(writer, entry);
        writer.Int32(_tombstones.Count);
        foreach (var (id, tombstone) in _tombstones.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            writer.Text(id);
            TransactionRecordCodec.Write(writer, tombstone.Identity);
            writer.Int64(tombstone.AtMs);
        }
        writer.Int32(_named.Count);
        foreach (var (_, named) in _named.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            TransactionRecordCodec.Write(writer, named);
    }

    private static void Write(in BigEndianWriter writer, TransactionEntry entry)
    {
        TransactionRecordCodec.Write(writer, entry.Current);
        TransactionRecordCodec.WritePartitions(writer, entry.CopyPartitions());
        TransactionRecordCodec.WriteGroups(writer, entry.CopyGroups());
        writer.Int32(entry.Outcomes.Count);
        for (var i = 0; i < entry.Outcomes.Count; i++)
            TransactionRecordCodec.Write(writer, entry.Outcomes[i]);
    }

    /// <exception cref="InvalidDataException">Not a snapshot, not whole, or a state that cannot be.</exception>
    public static TransactionCoordinatorState ReadSnapshot(ReadOnlySpan<byte> source, TransactionRules rules)
    {
        var reader = new BigEndianReader(source);
        var version = reader.Byte();
        if (version != SnapshotVersion)
            throw new InvalidDataException($"A transaction snapshot of version {version}; this broker reads version {SnapshotVersion}.");
        var state = new TransactionCoordinatorState(rules, new ProducerIdBlocks(reader.Int64()));
        for (var count = reader.Count(itemBytesMin: 80); count > 0; count--)
            state.RestoreEntry(ref reader);
        for (var count = reader.Count(itemBytesMin: 20); count > 0; count--)
            RestoreUnder(state._tombstones, reader.Text(), new Tombstone(TransactionRecordCodec.ReadIdentity(ref reader), reader.Int64()));
        for (var count = reader.Count(itemBytesMin: 30); count > 0; count--)
        {
            var named = TransactionRecordCodec.ReadNamed(ref reader);
            RestoreUnder(state._named, named.Name, named);
        }
        reader.AssertEnd();
        try
        {
            state.AssertInvariants();
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidDataException("The transaction snapshot holds a state that cannot be: " + exception.Message, exception);
        }
        return state;
    }

    private void RestoreEntry(ref BigEndianReader reader)
    {
        var entry = new TransactionEntry(TransactionRecordCodec.ReadEntry(ref reader));
        entry.Restore(TransactionRecordCodec.ReadPartitions(ref reader), TransactionRecordCodec.ReadGroups(ref reader));
        var outcomes = reader.Count(itemBytesMin: 23);
        if (outcomes > OutcomeRing.Capacity)
            throw new InvalidDataException($"'{entry.TransactionalId}' remembers {outcomes} outcomes.");
        for (; outcomes > 0; outcomes--)
            entry.Outcomes.Add(TransactionRecordCodec.ReadOutcome(ref reader));
        RestoreUnder(_entries, entry.TransactionalId, entry);
        if (entry.State == TransactionState.Ongoing)
            _ongoing.Add(entry);
    }

    private static void RestoreUnder<T>(Dictionary<string, T> restored, string id, T value)
    {
        if (!restored.TryAdd(id, value))
            throw new InvalidDataException($"'{id}' stands twice in the transaction snapshot.");
    }
}
