using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The bytes of a partition's snapshot, big-endian: version i8 = 1, log start i64, log end i64; producers: count i32, each id i64, epoch i16, enrolled epoch i16, first offset
/// of the open transaction i64, coordinator epoch i32, last active i64, LSN i64, last data offset i64, remembered batches: count i32, each last sequence
/// i32, offset delta i32, last offset i64, timestamp i64, LSN i64; aborted transactions: count i32, each producer id, first, last, last stable offset i64.
/// Kafka's own snapshots keep one batch of the window; this keeps all, so that a restart forgets no retry.
/// </summary>
internal sealed partial class PartitionState
{
    private const byte SnapshotVersion = 1;
    private const int ProducerBytesMin = 52;
    private const int RememberedBytes = 32;
    private const int AbortedBytes = 32;

    public void WriteSnapshot(IBufferWriter<byte> destination)
    {
        var writer = new FieldWriter(destination);
        writer.Byte(SnapshotVersion);
        writer.Int64(LogStartOffset);
        writer.Int64(LogEndOffset);
        writer.Int32(_producers.Count);
        foreach (var producer in _producers.Values)
            Write(writer, producer);
        var aborted = AbortedTransactions.ToArray();
        writer.Int32(aborted.Length);
        foreach (var entry in aborted)
        {
            writer.Int64(entry.ProducerId);
            writer.Int64(entry.FirstOffset);
            writer.Int64(entry.LastOffset);
            writer.Int64(entry.LastStableOffset);
        }
    }

    /// <exception cref="InvalidDataException">The bytes are not a snapshot, or of a newer version.</exception>
    public static PartitionState ReadSnapshot(ReadOnlySpan<byte> source, PartitionRules rules)
    {
        var reader = new FieldReader(source);
        var version = reader.Byte();
        if (version != SnapshotVersion)
            throw new InvalidDataException($"Partition snapshot of version {version}; this build reads version {SnapshotVersion}.");
        var state = new PartitionState(rules) { LogStartOffset = reader.Int64(), LogEndOffset = reader.Int64() };
        for (var rest = reader.Count(ProducerBytesMin); rest > 0; rest--)
            state.Restore(ref reader);
        for (var rest = reader.Count(AbortedBytes); rest > 0; rest--)
            state.AbortedTransactions.Add(new AbortedTransaction(reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64()));
        reader.ExpectEnd();
        if (state.LogStartOffset < 0 || state.LogStartOffset > state.LogEndOffset)
            throw new InvalidDataException($"The log cannot begin at {state.LogStartOffset} and end at {state.LogEndOffset}.");
        return state;
    }

    private static void Write(FieldWriter writer, ProducerEntry producer)
    {
        writer.Int64(producer.Id);
        writer.Int16(producer.Epoch);
        writer.Int16(producer.EnrolledEpoch);
        writer.Int64(producer.FirstOffset);
        writer.Int32(producer.CoordinatorEpoch);
        writer.Int64(producer.LastActiveMs);
        writer.Int64(producer.Lsn);
        writer.Int64(producer.LastDataOffset);
        writer.Int32(producer.Window.Count);
        for (var i = 0; i < producer.Window.Count; i++)
        {
            var batch = producer.Window[i];
            writer.Int32(batch.LastSequence);
            writer.Int32(batch.OffsetDelta);
            writer.Int64(batch.LastOffset);
            writer.Int64(batch.MaxTimestamp);
            writer.Int64(batch.Lsn);
        }
    }

    private void Restore(ref FieldReader reader)
    {
        var producer = new ProducerEntry(reader.Int64(), _rules.WindowBatches)
        {
            Epoch = reader.Int16(),
            EnrolledEpoch = reader.Int16(),
            FirstOffset = reader.Int64(),
            CoordinatorEpoch = reader.Int32(),
            LastActiveMs = reader.Int64(),
            Lsn = reader.Int64(),
            LastDataOffset = reader.Int64(),
        };
        for (var rest = reader.Count(RememberedBytes); rest > 0; rest--)
            producer.Window.Add(new RememberedBatch(reader.Int32(), reader.Int32(), reader.Int64(), reader.Int64(), reader.Int64()));
        if (!_producers.TryAdd(producer.Id, producer))
            throw new InvalidDataException($"Producer {producer.Id} stands in the snapshot twice.");
        if (producer.HasOpenTransaction)
            _open.Add((producer.FirstOffset, producer.Id));
    }
}
