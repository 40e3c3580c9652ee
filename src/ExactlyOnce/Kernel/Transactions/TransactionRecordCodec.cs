using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// The bytes of a <see cref="TransactionRecord"/>, big-endian. A record is: version u8 (1), kind u8, then by kind:
/// <code>
/// 1 entry       id text · identity · lastEpoch i16 · previousId i64 · nextId i64 · state u8 · generation u8 · timeoutMs i32 · startMs i64 ·
///               updateMs i64 · ownerKind u8 · owner text · ownedSinceMs i64 · preparedIdentity identity · preparedMs i64
/// 2 enrolment   id text · identity · generation u8 · atMs i64 · count i32 · count × (topic i32 · index i32) · count i32 · count × group text
/// 3 outcome     id text · identity · outcome u8 · atMs i64 · by text · why text
/// 4 removed     id text · identity (−1, −1: the tombstone goes too) · atMs i64
/// 5 named       name text · identity · lastSourceSequence i64 · owner text · ownedSinceMs i64
/// 6 block       first i64 · count i32
/// 7 commit      id text · identity · nextId i64 · by text · atMs i64
/// text = length i16 · UTF-8;  identity = producer id i64 · epoch i16;  −1 = none
/// </code>
/// </summary>
internal static class TransactionRecordCodec
{
    public const byte Version = 1;

    private const byte EntryKind = 1;
    private const byte EnrolmentKind = 2;
    private const byte OutcomeKind = 3;
    private const byte RemovedKind = 4;
    private const byte NamedKind = 5;
    private const byte BlockKind = 6;
    private const byte CommitKind = 7;

    public static void Write(TransactionRecord record, IBufferWriter<byte> destination)
    {
        var writer = new BigEndianWriter(destination);
        writer.Byte(Version);
        switch (record)
        {
            case EntryRecord entry:
                writer.Byte(EntryKind);
                Write(writer, entry);
                break;
            case EnrolmentRecord enrolment:
                writer.Byte(EnrolmentKind);
                Write(writer, enrolment);
                break;
            case OutcomeRecord outcome:
                writer.Byte(OutcomeKind);
                writer.Text(outcome.TransactionalId);
                Write(writer, outcome.Outcome);
                break;
            case EntryRemovedRecord removed:
                writer.Byte(RemovedKind);
                writer.Text(removed.TransactionalId);
                Write(writer, removed.Tombstone);
                writer.Int64(removed.AtMs);
                break;
            case NamedProducerRecord named:
                writer.Byte(NamedKind);
                Write(writer, named);
                break;
            case ProducerIdBlockRecord block:
                writer.Byte(BlockKind);
                writer.Int64(block.First);
                writer.Int32(block.Count);
                break;
            case CommitRecord commit:
                writer.Byte(CommitKind);
                writer.Text(commit.TransactionalId);
                Write(writer, commit.Identity);
                writer.Int64(commit.NextId);
                writer.Text(commit.By);
                writer.Int64(commit.AtMs);
                break;
            default:
                throw new InvalidOperationException($"No bytes are defined for {record.GetType().Name}.");
        }
    }

    /// <exception cref="InvalidDataException">Not exactly one record.</exception>
    public static TransactionRecord Read(ReadOnlySpan<byte> source)
    {
        var reader = new BigEndianReader(source);
        var version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"A transaction record of version {version}; this broker reads version {Version}.");
        var kind = reader.Byte();
        TransactionRecord record = kind switch
        {
            EntryKind => ReadEntry(ref reader),
            EnrolmentKind => ReadEnrolment(ref reader),
            OutcomeKind => new OutcomeRecord(reader.Text(), ReadOutcome(ref reader)),
            RemovedKind => new EntryRemovedRecord(reader.Text(), ReadIdentity(ref reader), reader.Int64()),
            NamedKind => ReadNamed(ref reader),
            BlockKind => new ProducerIdBlockRecord(reader.Int64(), reader.Int32()),
            CommitKind => new CommitRecord(reader.Text(), ReadIdentity(ref reader), reader.Int64(), reader.Text(), reader.Int64()),
            _ => throw new InvalidDataException($"A transaction record of kind {kind}."),
        };
        reader.AssertEnd();
        return record;
    }

    // The parts below also make up the snapshot.

    public static void Write(in BigEndianWriter writer, EntryRecord entry)
    {
        writer.Text(entry.TransactionalId);
        Write(writer, entry.Identity);
        writer.Int16(entry.LastEpoch);
        writer.Int64(entry.PreviousId);
        writer.Int64(entry.NextId);
        writer.Byte((byte)entry.State);
        writer.Byte((byte)entry.Generation);
        writer.Int32(entry.TimeoutMs);
        writer.Int64(entry.StartMs);
        writer.Int64(entry.UpdateMs);
        writer.Byte((byte)entry.OwnerKind);
        writer.Text(entry.Owner);
        writer.Int64(entry.OwnedSinceMs);
        Write(writer, entry.PreparedIdentity);
        writer.Int64(entry.PreparedMs);
    }

    // Object initialisers run in the order in which they are written, which is the order of the bytes.
    public static EntryRecord ReadEntry(ref BigEndianReader reader) => new()
    {
        TransactionalId = reader.Text(),
        Identity = ReadIdentity(ref reader),
        LastEpoch = reader.Int16(),
        PreviousId = reader.Int64(),
        NextId = reader.Int64(),
        State = ReadState(ref reader),
        Generation = ReadGeneration(ref reader),
        TimeoutMs = reader.Int32(),
        StartMs = reader.Int64(),
        UpdateMs = reader.Int64(),
        OwnerKind = ReadOwnerKind(ref reader),
        Owner = reader.Text(),
        OwnedSinceMs = reader.Int64(),
        PreparedIdentity = ReadIdentity(ref reader),
        PreparedMs = reader.Int64(),
    };

    private static void Write(in BigEndianWriter writer, EnrolmentRecord enrolment)
    {
        writer.Text(enrolment.TransactionalId);
        Write(writer, enrolment.Identity);
        writer.Byte((byte)enrolment.Generation);
        writer.Int64(enrolment.AtMs);
        WritePartitions(writer, enrolment.Partitions);
        WriteGroups(writer, enrolment.Groups);
    }

    private static EnrolmentRecord ReadEnrolment(ref BigEndianReader reader)
    {
        var id = reader.Text();
        var identity = ReadIdentity(ref reader);
        var generation = ReadGeneration(ref reader);
        var atMs = reader.Int64();
        return new EnrolmentRecord(id, identity, generation, ReadPartitions(ref reader), ReadGroups(ref reader), atMs);
    }

    public static void WritePartitions(in BigEndianWriter writer, ReadOnlySpan<PartitionKey> partitions)
    {
        writer.Int32(partitions.Length);
        foreach (var partition in partitions)
        {
            writer.Int32(partition.Topic);
            writer.Int32(partition.Index);
        }
    }

    public static PartitionKey[] ReadPartitions(ref BigEndianReader reader)
    {
        var partitions = new PartitionKey[reader.Count(itemBytesMin: 8)];
        for (var i = 0; i < partitions.Length; i++)
            partitions[i] = new PartitionKey(reader.Int32(), reader.Int32());
        return partitions;
    }

    public static void WriteGroups(in BigEndianWriter writer, ReadOnlySpan<string> groups)
    {
        writer.Int32(groups.Length);
        foreach (var group in groups)
            writer.Text(group);
    }

    public static string[] ReadGroups(ref BigEndianReader reader)
    {
        var groups = new string[reader.Count(itemBytesMin: 2)];
        for (var i = 0; i < groups.Length; i++)
            groups[i] = reader.Text();
        return groups;
    }

    public static void Write(in BigEndianWriter writer, RememberedOutcome outcome)
    {
        Write(writer, outcome.Identity);
        writer.Byte((byte)outcome.Outcome);
        writer.Int64(outcome.AtMs);
        writer.Text(outcome.By);
        writer.Text(outcome.Why);
    }

    public static RememberedOutcome ReadOutcome(ref BigEndianReader reader)
    {
        var identity = ReadIdentity(ref reader);
        var outcome = (TransactionOutcome)reader.Byte();
        if (outcome is not (TransactionOutcome.Committed or TransactionOutcome.Aborted or TransactionOutcome.TimedOut or TransactionOutcome.Fenced))
            throw new InvalidDataException($"{(int)outcome} is no outcome.");
        return new RememberedOutcome(identity, outcome, reader.Int64(), reader.Text(), reader.Text());
    }

    public static void Write(in BigEndianWriter writer, NamedProducerRecord named)
    {
        writer.Text(named.Name);
        Write(writer, named.Identity);
        writer.Int64(named.LastSourceSequence);
        writer.Text(named.Owner);
        writer.Int64(named.OwnedSinceMs);
    }

    public static NamedProducerRecord ReadNamed(ref BigEndianReader reader) =>
        new(reader.Text(), ReadIdentity(ref reader), reader.Int64(), reader.Text(), reader.Int64());

    public static void Write(in BigEndianWriter writer, ProducerIdentity identity)
    {
        writer.Int64(identity.Id);
        writer.Int16(identity.Epoch);
    }

    public static ProducerIdentity ReadIdentity(ref BigEndianReader reader) => new(reader.Int64(), reader.Int16());

    private static TransactionState ReadState(ref BigEndianReader reader)
    {
        var state = (TransactionState)reader.Byte();
        return state.IsRecorded() ? state : throw new InvalidDataException($"{(int)state} is no state of a record.");
    }

    private static TransactionGeneration ReadGeneration(ref BigEndianReader reader)
    {
        var generation = (TransactionGeneration)reader.Byte();
        return generation is TransactionGeneration.V1 or TransactionGeneration.V2
            ? generation
            : throw new InvalidDataException($"{(int)generation} is no client generation.");
    }

    private static OwnerKind ReadOwnerKind(ref BigEndianReader reader)
    {
        var kind = (OwnerKind)reader.Byte();
        return kind is OwnerKind.InProcess or OwnerKind.Network ? kind : throw new InvalidDataException($"{(int)kind} is no kind of owner.");
    }
}
