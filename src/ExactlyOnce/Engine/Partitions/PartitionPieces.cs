using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>The kinds of pieces a partition owns in a journal frame. The numbers stand on disk.</summary>
internal enum PartitionPiece : byte
{
    /// <summary>A record batch, placed: data or marker.</summary>
    Batch = 1,

    /// <summary>A transaction includes the partition: producer id i64, epoch i16; −1 when it takes nothing more in.</summary>
    Enrolment = 2,

    /// <summary>The log begins here: offset i64.</summary>
    LogStart = 3,

    /// <summary>Producers forgotten: their ids, i64 each.</summary>
    Expiry = 4,
}

/// <summary>The bytes of a partition's pieces, and back; <see cref="InvalidDataException"/> for bytes that are none.</summary>
internal static class PartitionPieces
{
    public static byte[] Enrolment(ProducerIdentity producer)
    {
        var bytes = new byte[sizeof(long) + sizeof(short)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, producer.Id);
        BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(sizeof(long)), producer.Epoch);
        return bytes;
    }

    public static byte[] LogStart(long offset)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, offset);
        return bytes;
    }

    public static byte[] Expiry(IReadOnlyList<long> producerIds)
    {
        var bytes = new byte[sizeof(long) * producerIds.Count];
        for (var i = 0; i < producerIds.Count; i++)
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(i * sizeof(long)), producerIds[i]);
        return bytes;
    }

    public static Staged Read(PartitionPiece piece, ReadOnlySpan<byte> payload, long frameTimeMs) => piece switch
    {
        PartitionPiece.Batch => ReadBatch(payload, frameTimeMs),
        PartitionPiece.Enrolment => new Staged(StagedKind.Enrolment, default, ReadIdentity(payload), false, 0, frameTimeMs),
        PartitionPiece.LogStart => new Staged(StagedKind.LogStart, new BatchHeader { BaseOffset = ReadOffset(payload) }, default, false, 0, 0),
        PartitionPiece.Expiry => new Staged(StagedKind.Expiry, default, default, false, 0, 0) { ProducerIds = ReadIds(payload) },
        _ => throw new InvalidDataException($"A partition piece of unknown kind {(byte)piece}."),
    };

    private static Staged ReadBatch(ReadOnlySpan<byte> payload, long frameTimeMs)
    {
        if (!BatchHeader.TryRead(payload, out var header) || header.SizeInBytes != payload.Length)
            throw new InvalidDataException("A batch's piece is not one whole batch.");
        if (!header.IsControl)
            return new Staged(StagedKind.Batch, header, default, false, 0, frameTimeMs);
        var marker = ReadMarker(payload);
        return new Staged(StagedKind.Marker, header, header.Producer, marker.IsCommit, marker.CoordinatorEpoch, frameTimeMs);
    }

    private static TransactionMarker ReadMarker(ReadOnlySpan<byte> batch)
    {
        try
        {
            if (ControlBatch.TryReadMarker(batch, out var marker))
                return marker;
        }
        catch (CorruptRecordException exception)
        {
            throw new InvalidDataException(exception.Message, exception);
        }
        throw new InvalidDataException($"The control batch at offset {BatchHeader.Read(batch).BaseOffset} is no marker.");
    }

    private static ProducerIdentity ReadIdentity(ReadOnlySpan<byte> payload)
    {
        var reader = new FieldReader(payload);
        var identity = new ProducerIdentity(reader.Int64(), reader.Int16());
        reader.ExpectEnd();
        return identity;
    }

    private static long ReadOffset(ReadOnlySpan<byte> payload)
    {
        var reader = new FieldReader(payload);
        var offset = reader.Int64();
        reader.ExpectEnd();
        return offset;
    }

    private static long[] ReadIds(ReadOnlySpan<byte> payload)
    {
        if (payload.Length % sizeof(long) != 0)
            throw new InvalidDataException($"{payload.Length} bytes are no list of producers.");
        var ids = new long[payload.Length / sizeof(long)];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = BinaryPrimitives.ReadInt64BigEndian(payload[(i * sizeof(long))..]);
        return ids;
    }
}
