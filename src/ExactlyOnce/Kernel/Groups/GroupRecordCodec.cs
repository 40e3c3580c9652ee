using System.Buffers;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// The bytes of durable group records: version u8 (1), type u8, body; primitives as in <see cref="GroupWriter"/>.
/// <code>
/// 1 OffsetsCommitted           group, time i64, offsets
/// 2 TransactionOffsetsWritten  group, producer id i64, epoch i16, time i64, offsets
/// 3 TransactionOffsetsEnded    producer id i64, commit u8
/// 4 OffsetsDeleted             group, partitions
/// 5 TopicOffsetsDropped        topic i32
/// 6 GroupDeleted               group
/// 7 ClassicGroupChanged        group, classic group (<see cref="ClassicGroupCodec"/>)
/// 8 ConsumerGroupChanged       group, epoch i32, assignor, has in-process members u8, empty since i64
/// 9 ConsumerMemberChanged      group, member (<see cref="ConsumerMemberCodec"/>)
/// 10 ConsumerMemberRemoved     group, member id
/// offset                       topic i32, index i32, offset i64, leader epoch i32, metadata
/// </code>
/// </summary>
internal static class GroupRecordCodec
{
    private const byte Version = 1;
    private const int OffsetBytesMin = 8 + 8 + 4 + 4;

    /// <exception cref="InvalidOperationException">The record is not durable and must not be written.</exception>
    public static void Write(GroupRecord record, IBufferWriter<byte> destination)
    {
        if (!record.IsDurable)
            throw new InvalidOperationException($"{record.GetType().Name} lives in memory only.");
        var writer = new GroupWriter(destination);
        writer.Byte(Version);
        switch (record)
        {
            case OffsetsCommitted committed:
                Begin(writer, 1, committed.Group);
                writer.Int64(committed.NowMs);
                WriteOffsets(writer, committed.Offsets);
                break;
            case TransactionOffsetsWritten written:
                Begin(writer, 2, written.Group);
                writer.Int64(written.Producer.Id);
                writer.Int16(written.Producer.Epoch);
                writer.Int64(written.NowMs);
                WriteOffsets(writer, written.Offsets);
                break;
            case TransactionOffsetsEnded ended:
                writer.Byte(3);
                writer.Int64(ended.ProducerId);
                writer.Bool(ended.IsCommit);
                break;
            case OffsetsDeleted deleted:
                Begin(writer, 4, deleted.Group);
                writer.Partitions(deleted.Partitions);
                break;
            case TopicOffsetsDropped dropped:
                writer.Byte(5);
                writer.Int32(dropped.Topic);
                break;
            case GroupDeleted deleted:
                Begin(writer, 6, deleted.Group);
                break;
            default:
                WriteMembership(writer, record);
                break;
        }
    }

    private static void WriteMembership(GroupWriter writer, GroupRecord record)
    {
        switch (record)
        {
            case ClassicGroupChanged classic:
                Begin(writer, 7, classic.Group);
                ClassicGroupCodec.Write(classic.State, writer);
                break;
            case ConsumerGroupChanged consumer:
                Begin(writer, 8, consumer.Group);
                writer.Int32(consumer.Epoch);
                writer.Text(consumer.Assignor);
                writer.Bool(consumer.HasInProcessMembers);
                writer.Int64(consumer.EmptySinceMs);
                break;
            case ConsumerMemberChanged changed:
                Begin(writer, 9, changed.Group);
                ConsumerMemberCodec.Write(changed.Member, writer);
                break;
            case ConsumerMemberRemoved removed:
                Begin(writer, 10, removed.Group);
                writer.Text(removed.MemberId);
                break;
            default:
                throw new InvalidOperationException($"Unknown record {record.GetType().Name}.");
        }
    }

    private static void Begin(GroupWriter writer, byte type, string group)
    {
        writer.Byte(type);
        writer.Text(group);
    }

    private static void WriteOffsets(GroupWriter writer, IReadOnlyList<OffsetValue> offsets)
    {
        writer.Int32(offsets.Count);
        foreach (var value in offsets)
        {
            writer.Partition(value.Partition);
            writer.Int64(value.Offset);
            writer.Int32(value.LeaderEpoch);
            writer.Text(value.Metadata);
        }
    }

    /// <exception cref="InvalidDataException">Not exactly one record of a known version.</exception>
    public static GroupRecord Read(ReadOnlySpan<byte> source)
    {
        var reader = new GroupReader(source);
        if (reader.Byte() != Version)
            throw GroupReader.Broken("a record of an unknown version");
        var record = ReadBody(reader.Byte(), ref reader);
        reader.End();
        return record;
    }

    private static GroupRecord ReadBody(byte type, ref GroupReader reader) => type switch
    {
        1 => new OffsetsCommitted(reader.Text(), reader.Int64(), ReadOffsets(ref reader)),
        2 => new TransactionOffsetsWritten(
            reader.Text(), new ProducerIdentity(reader.Int64(), reader.Int16()), reader.Int64(), ReadOffsets(ref reader)),
        3 => new TransactionOffsetsEnded(reader.Int64(), reader.Bool()),
        4 => new OffsetsDeleted(reader.Text(), reader.Partitions()),
        5 => new TopicOffsetsDropped(reader.Int32()),
        6 => new GroupDeleted(reader.Text()),
        7 => new ClassicGroupChanged(reader.Text(), ClassicGroupCodec.Read(ref reader), IsGeneration: true),
        8 => new ConsumerGroupChanged(reader.Text(), reader.Int32(), reader.Text(), reader.Bool(), reader.Int64()),
        9 => new ConsumerMemberChanged(reader.Text(), ConsumerMemberCodec.Read(ref reader), ChangesMembership: true),
        10 => new ConsumerMemberRemoved(reader.Text(), reader.Text(), MemberOrigin.Network),
        _ => throw GroupReader.Broken("a record of an unknown type"),
    };

    private static OffsetValue[] ReadOffsets(ref GroupReader reader)
    {
        var offsets = new OffsetValue[reader.Count(OffsetBytesMin)];
        for (var i = 0; i < offsets.Length; i++)
            offsets[i] = new OffsetValue(reader.Partition(), reader.Int64(), reader.Int32(), reader.Text());
        return offsets;
    }
}
