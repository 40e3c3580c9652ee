using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The bytes of a <see cref="PartitionState"/> in a checkpoint, version 1. All numbers big-endian, no padding; timestamps are Unix milliseconds.
/// <code>
/// header, 30 bytes
///    0  i16  version = 1
///    2  i64  applied LSN
///   10  i64  log start offset
///   18  i64  log end offset
///   26  i32  number of producers
/// per producer, the longest idle first (the order in which they would be evicted), 50 bytes
///    0  i64  producer id
///    8  i16  epoch of the last batch or marker, −1 none
///   10  i16  enrolled epoch, −1 not enrolled
///   12  i32  coordinator epoch of the last marker, −1 none
///   16  i64  broker time of the last change
///   24  i64  largest timestamp of the last batch or marker, −1 none
///   32  i64  LSN of the last change
///   40  i64  first offset of the open transaction, −1 none
///   48  u16  number of remembered batches
///   then per batch, oldest first, 40 bytes
///      0  i32  first sequence
///      4  i32  distance of the last record from the first, in offsets and sequences
///      8  i64  first offset
///     16  i64  largest timestamp
///     24  i64  broker time at the append
///     32  i64  LSN
/// i32  number of aborted transactions
/// per aborted transaction, in order of markers, 32 bytes
///    0  i64  producer id
///    8  i64  first offset
///   16  i64  offset of the marker
///   24  i64  last stable offset after the marker
/// u32  CRC-32C of everything before it
/// </code>
/// </summary>
internal static class PartitionSnapshot
{
    public const short Version = 1;

    private const int HeaderSize = 30;
    private const int ProducerSize = 50;
    private const int BatchSize = 40;
    private const int CountSize = 4;
    private const int AbortedSize = 32;
    private const int CrcSize = 4;

    public static void Write(PartitionState state, IBufferWriter<byte> destination)
    {
        var crc = WriteHeader(state, destination);
        for (var entry = state.Table.LeastRecent; entry is not null; entry = entry.MoreRecent)
            crc = WriteProducer(entry, destination, crc);
        crc = WriteAborted(state.Aborted.Published.Entries, destination, crc);
        BinaryPrimitives.WriteUInt32BigEndian(destination.GetSpan(CrcSize), crc);
        destination.Advance(CrcSize);
    }

    public static PartitionState Read(ReadOnlySpan<byte> source, PartitionRules rules)
    {
        var body = Unwrap(source);
        var reader = new SnapshotReader(body[sizeof(short)..]);
        var state = new PartitionState(rules);
        var appliedLsn = reader.ReadInt64();
        var logStartOffset = reader.ReadInt64();
        var logEndOffset = reader.ReadInt64();
        if (logStartOffset < 0 || logStartOffset > logEndOffset)
            throw Broken("its log starts behind its end");
        state.Restore(logStartOffset, logEndOffset, appliedLsn);
        ReadProducers(ref reader, state, rules);
        ReadAborted(ref reader, state);
        if (!reader.IsAtEnd)
            throw Broken("bytes follow its last entry");
        return state;
    }

    private static uint WriteHeader(PartitionState state, IBufferWriter<byte> destination)
    {
        var block = destination.GetSpan(HeaderSize)[..HeaderSize];
        BinaryPrimitives.WriteInt16BigEndian(block, Version);
        BinaryPrimitives.WriteInt64BigEndian(block[2..], state.AppliedLsn);
        BinaryPrimitives.WriteInt64BigEndian(block[10..], state.LogStartOffset);
        BinaryPrimitives.WriteInt64BigEndian(block[18..], state.LogEndOffset);
        BinaryPrimitives.WriteInt32BigEndian(block[26..], state.ProducerCount);
        return Finish(destination, block, 0);
    }

    private static uint WriteProducer(ProducerEntry entry, IBufferWriter<byte> destination, uint crc)
    {
        var block = destination.GetSpan(ProducerSize)[..ProducerSize];
        BinaryPrimitives.WriteInt64BigEndian(block, entry.Id);
        BinaryPrimitives.WriteInt16BigEndian(block[8..], entry.Epoch);
        BinaryPrimitives.WriteInt16BigEndian(block[10..], entry.EnrolledEpoch);
        BinaryPrimitives.WriteInt32BigEndian(block[12..], entry.CoordinatorEpoch);
        BinaryPrimitives.WriteInt64BigEndian(block[16..], entry.LastActiveMs);
        BinaryPrimitives.WriteInt64BigEndian(block[24..], entry.LastTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(block[32..], entry.Lsn);
        BinaryPrimitives.WriteInt64BigEndian(block[40..], entry.TransactionFirstOffset);
        BinaryPrimitives.WriteUInt16BigEndian(block[48..], (ushort)entry.Window.Count);
        crc = Finish(destination, block, crc);
        for (var age = entry.Window.Count - 1; age >= 0; age--)
            crc = WriteBatch(entry.Window[age], destination, crc);
        return crc;
    }

    private static uint WriteBatch(in RememberedBatch batch, IBufferWriter<byte> destination, uint crc)
    {
        var block = destination.GetSpan(BatchSize)[..BatchSize];
        BinaryPrimitives.WriteInt32BigEndian(block, batch.BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(block[4..], batch.OffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(block[8..], batch.BaseOffset);
        BinaryPrimitives.WriteInt64BigEndian(block[16..], batch.MaxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(block[24..], batch.AppendTimeMs);
        BinaryPrimitives.WriteInt64BigEndian(block[32..], batch.Lsn);
        return Finish(destination, block, crc);
    }

    private static uint WriteAborted(ReadOnlySpan<AbortedTransaction> entries, IBufferWriter<byte> destination, uint crc)
    {
        var count = destination.GetSpan(CountSize)[..CountSize];
        BinaryPrimitives.WriteInt32BigEndian(count, entries.Length);
        crc = Finish(destination, count, crc);
        foreach (ref readonly var entry in entries)
        {
            var block = destination.GetSpan(AbortedSize)[..AbortedSize];
            BinaryPrimitives.WriteInt64BigEndian(block, entry.ProducerId);
            BinaryPrimitives.WriteInt64BigEndian(block[8..], entry.FirstOffset);
            BinaryPrimitives.WriteInt64BigEndian(block[16..], entry.LastOffset);
            BinaryPrimitives.WriteInt64BigEndian(block[24..], entry.LastStableOffset);
            crc = Finish(destination, block, crc);
        }
        return crc;
    }

    private static uint Finish(IBufferWriter<byte> destination, ReadOnlySpan<byte> block, uint crc)
    {
        crc = Crc32C.Append(crc, block);
        destination.Advance(block.Length);
        return crc;
    }

    // The version comes first: another version may keep its checksum elsewhere.
    private static ReadOnlySpan<byte> Unwrap(ReadOnlySpan<byte> source)
    {
        if (source.Length < HeaderSize + CountSize + CrcSize)
            throw Broken($"it has {source.Length} bytes, fewer than the smallest one");
        var version = BinaryPrimitives.ReadInt16BigEndian(source);
        if (version != Version)
            throw Broken($"it has version {version}, this broker reads version {Version}");
        var body = source[..^CrcSize];
        var stored = BinaryPrimitives.ReadUInt32BigEndian(source[^CrcSize..]);
        if (stored != Crc32C.Compute(body))
            throw Broken("its checksum does not match its bytes");
        return body;
    }

    private static void ReadProducers(ref SnapshotReader reader, PartitionState state, PartitionRules rules)
    {
        var count = reader.ReadInt32();
        if (count < 0)
            throw Broken("it has a negative number of producers");
        var open = new List<(ProducerEntry Entry, long FirstOffset)>();
        for (var index = 0; index < count; index++)
        {
            var id = reader.ReadInt64();
            if (id < 0 || state.Table.Find(id) is not null)
                throw Broken($"producer {id} is not valid or comes twice");
            var entry = state.Table.Restore(id);
            var firstOffset = ReadProducer(ref reader, entry, state.LogEndOffset, rules.BatchWindow);
            if (firstOffset >= 0)
                open.Add((entry, firstOffset));
        }
        open.Sort(static (one, other) => one.FirstOffset.CompareTo(other.FirstOffset));
        foreach (var (entry, firstOffset) in open)
        {
            if (firstOffset == state.OpenTransactions.LastFirstOffset)
                throw Broken($"two open transactions start at offset {firstOffset}");
            state.OpenTransactions.Open(entry, firstOffset);
        }
    }

    private static long ReadProducer(ref SnapshotReader reader, ProducerEntry entry, long logEndOffset, int batchWindow)
    {
        var epoch = reader.ReadInt16();
        var enrolledEpoch = reader.ReadInt16();
        var coordinatorEpoch = reader.ReadInt32();
        var lastActiveMs = reader.ReadInt64();
        var lastTimestamp = reader.ReadInt64();
        var lsn = reader.ReadInt64();
        var firstOffset = reader.ReadInt64();
        if (epoch < -1 || enrolledEpoch < -1)
            throw Broken($"producer {entry.Id} has a negative epoch");
        if (firstOffset < -1 || firstOffset >= logEndOffset)
            throw Broken($"producer {entry.Id} has an open transaction outside the log");
        if (firstOffset >= 0 && epoch < 0)
            throw Broken($"producer {entry.Id} has an open transaction and no epoch");
        entry.Restore(epoch, enrolledEpoch, coordinatorEpoch, lastActiveMs, lastTimestamp, lsn);
        ReadBatches(ref reader, entry, logEndOffset, batchWindow);
        return firstOffset;
    }

    private static void ReadBatches(ref SnapshotReader reader, ProducerEntry entry, long logEndOffset, int batchWindow)
    {
        var count = reader.ReadUInt16();
        if (count > 0 && entry.Epoch < 0)
            throw Broken($"producer {entry.Id} has batches and no epoch");
        for (var left = count; left > 0; left--)
        {
            var batch = new RememberedBatch(
                reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
            if (batch is not { BaseSequence: >= 0, OffsetDelta: >= 0, BaseOffset: >= 0 } || batch.BaseOffset >= logEndOffset - batch.OffsetDelta)
                throw Broken($"producer {entry.Id} has a batch outside the log or without sequences");
            if (left <= batchWindow)
                entry.Window.Append(batch);
        }
    }

    private static void ReadAborted(ref SnapshotReader reader, PartitionState state)
    {
        var count = reader.ReadInt32();
        if (count < 0)
            throw Broken("it has a negative number of aborted transactions");
        var previous = -1L;
        for (var index = 0; index < count; index++)
        {
            var entry = new AbortedTransaction(reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
            if (entry.FirstOffset < 0 || entry.FirstOffset >= entry.LastOffset || entry.LastOffset <= previous || entry.LastOffset >= state.LogEndOffset ||
                entry.LastStableOffset > entry.LastOffset + 1)
                throw Broken($"aborted transaction {index} does not lie in the log behind the one before");
            state.Aborted.Add(entry);
            previous = entry.LastOffset;
        }
    }

    private static InvalidDataException Broken(string complaint) => new($"A partition snapshot is broken: {complaint}.");
}
