using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>State records and snapshots: what is read is written again, and that reads as itself.</summary>
internal static class StateTargets
{
    private delegate void Rewrite(ReadOnlySpan<byte> source, IBufferWriter<byte> destination);

    public static IEnumerable<FuzzTarget> Create()
    {
        yield return RoundTrip("transaction-record", SampleParts.Pieces(PieceOwner.Coordination, (byte)CoordinationPiece.Transaction),
            (source, destination) => TransactionRecordCodec.Write(TransactionRecordCodec.Read(source), destination));
        yield return RoundTrip("group-record", () => [.. SampleParts.Pieces(PieceOwner.Coordination, (byte)CoordinationPiece.Group)(), .. MembershipSeeds.Records()],
            (source, destination) => GroupRecordCodec.Write(GroupRecordCodec.Read(source), destination));
        yield return RoundTrip("topic-record", SampleParts.TopicRecords,
            (source, destination) => TopicRecord.Read(source).Write(destination));
        yield return RoundTrip("message-id-record", SampleParts.Pieces(PieceOwner.Coordination, (byte)CoordinationPiece.MessageIds),
            (source, destination) => MessageIdRecord.Read(source).Write(destination));
        yield return RoundTrip("transaction-snapshot", SampleParts.Section(section => section.Transactions),
            (source, destination) => TransactionCoordinatorState.ReadSnapshot(source, new TransactionRules()).WriteSnapshot(destination));
        yield return RoundTrip("group-snapshot", () => [.. SampleParts.Section(section => section.Groups)(), MembershipSeeds.Snapshot()],
            (source, destination) => GroupCoordinatorState.ReadSnapshot(source, GroupSettings.Default).WriteSnapshot(destination));
        yield return RoundTrip("topic-snapshot", SampleParts.Section(section => section.Topics),
            (source, destination) => TopicCatalog.ReadSnapshot(source).WriteSnapshot(destination));
        yield return RoundTrip("message-id-snapshot", SampleParts.Section(section => section.MessageIds),
            (source, destination) => MessageIdWindows.ReadSnapshot(source).WriteSnapshot(destination));
        yield return RoundTrip("partition-snapshot", SampleParts.PartitionStates,
            (source, destination) => PartitionState.ReadSnapshot(source, PartitionRules.Default).WriteSnapshot(destination), FixPartitionSnapshot);
        yield return new FuzzTarget("segment-list", ReadSegmentList) { Refusal = typeof(InvalidDataException), Seeds = SampleParts.SegmentLists, AllocatedBytesPerByte = 8 };
        yield return new FuzzTarget("journal-frames", ReadFrames) { Refusal = typeof(InvalidDataException), Seeds = SampleParts.Frames, AllocatedBytesPerByte = 32 };
        yield return new FuzzTarget("kafka-log", ReadKafkaLog) { Refusal = typeof(InvalidDataException), Seeds = KafkaLogSeeds.Records, AllocatedBytesPerByte = 32 };
    }

    /// <summary>The checksum at the end of a partition's snapshot.</summary>
    public static void FixPartitionSnapshot(Span<byte> input)
    {
        if (input.Length > sizeof(uint))
            BinaryPrimitives.WriteUInt32BigEndian(input[^sizeof(uint)..], Crc32C.Compute(input[..^sizeof(uint)]));
    }

    private static FuzzTarget RoundTrip(string name, Func<IEnumerable<byte[]>> seeds, Rewrite rewrite, FuzzFixUp? fixUp = null)
    {
        var (first, second) = (new GrowableBuffer(), new GrowableBuffer());
        return new FuzzTarget(name, input =>
        {
            first.Clear();
            second.Clear();
            rewrite(input, first);
            try
            {
                rewrite(first.WrittenSpan, second);
            }
            catch (InvalidDataException exception)
            {
                throw new FuzzFailure("what was read cannot be written and read again", exception);
            }
            FuzzTargets.Require(first.WrittenSpan.SequenceEqual(second.WrittenSpan), "what was read is written as it was");
        })
        {
            Refusal = typeof(InvalidDataException), Seeds = seeds, FixUp = fixUp, AllocatedBytesPerByte = 64,
        };
    }

    private static void ReadSegmentList(ReadOnlySpan<byte> input)
    {
        foreach (var segment in SegmentList.Read(input, out _))
            FuzzTargets.Require(
                segment is { LogLength: >= 0, OffsetIndexLength: >= 0, TimeIndexLength: >= 0, TransactionIndexLength: >= 0, Name.Generation: >= 0 }
                && segment.SizeInBytes >= segment.LogLength,
                "a segment's lengths are lengths");
    }

    private static void ReadFrames(ReadOnlySpan<byte> input)
    {
        ReadOnlyMemory<byte> rest = input.ToArray();
        while (JournalFrameView.TryRead(0, rest, out var frame))
        {
            foreach (var piece in frame)
                ReadPiece(piece, frame.BrokerTimeMs);
            rest = rest[frame.Length..];
        }
    }

    private static void ReadPiece(in JournalPiece piece, long timeMs)
    {
        var payload = piece.Payload.Span;
        if (piece.OwnerKind == (byte)PieceOwner.Partition)
        {
            PartitionPieces.Read((PartitionPiece)piece.Kind, payload, timeMs);
            return;
        }
        switch ((CoordinationPiece)piece.Kind)
        {
            case CoordinationPiece.Topic:
                TopicRecord.Read(payload);
                break;
            case CoordinationPiece.Transaction:
                TransactionRecordCodec.Read(payload);
                break;
            case CoordinationPiece.Group:
                GroupRecordCodec.Read(payload);
                break;
            case CoordinationPiece.MessageIds:
                MessageIdRecord.Read(payload);
                break;
        }
    }

    /// <summary>The first byte says which of the five forms it is.</summary>
    private static void ReadKafkaLog(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return;
        var record = input[1..];
        switch (input[0] % 5)
        {
            case 0:
                TransactionLogFormat.ReadKey(record);
                break;
            case 1:
                TransactionLogFormat.ReadValue(record);
                break;
            case 2:
                GroupLogFormat.ReadKey(record);
                break;
            case 3:
                GroupLogFormat.ReadOffsetValue(record);
                break;
            default:
                GroupLogFormat.ReadGroupValue(record);
                break;
        }
    }
}
