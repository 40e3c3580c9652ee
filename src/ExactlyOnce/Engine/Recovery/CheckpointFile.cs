using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>What a checkpoint says about the coordination state.</summary>
/// <param name="AppliedLsn">The last frame contained.</param>
internal sealed record CoordinationSection(long AppliedLsn, ReadOnlyMemory<byte> Topics, ReadOnlyMemory<byte> Transactions, ReadOnlyMemory<byte> Groups, ReadOnlyMemory<byte> MessageIds);

/// <summary>What a checkpoint says about one partition.</summary>
/// <param name="AppliedLsn">The last frame contained.</param>
/// <param name="State">The snapshot of its rules' state.</param>
/// <param name="Segments">Its segment files with their valid lengths.</param>
/// <param name="TailOffset">The offset behind the segment files.</param>
/// <param name="Tail">Batches behind the segment files, when they are few.</param>
internal sealed record PartitionSection(PartitionKey Key, long AppliedLsn, ReadOnlyMemory<byte> State, ReadOnlyMemory<byte> Segments, long TailOffset, ReadOnlyMemory<byte> Tail);

/// <summary>
/// A checkpoint: the state of every owner, in one file, so that a checkpoint of a thousand partitions costs one sync. Bytes, big-endian: magic i32 "EOCP",
/// version i16 = 1, CRC-32C u32 of everything behind it; coordination: applied LSN i64, topics, transactions, groups, message ids, each i32 length and
/// bytes; partitions: count i32, each topic number i32, index i32, applied LSN i64, state, segments, each i32 length and bytes, tail offset i64, tail, i32
/// length and bytes.
/// </summary>
internal sealed record CheckpointFile(CoordinationSection Coordination, IReadOnlyList<PartitionSection> Partitions)
{
    private const int Magic = 0x454F4350;
    private const short Version = 1;
    private const int CrcAt = 6;
    private const int HeaderSize = 10;

    /// <summary>Writes and syncs the file; its directory entry is the caller's to sync.</summary>
    public void Write(IDisk disk, string path)
    {
        var bytes = new ArrayBufferWriter<byte>(4096);
        var writer = new FieldWriter(bytes);
        writer.Int32(Magic);
        writer.Int16(Version);
        writer.Int32(0);
        WriteCoordination(writer);
        writer.Int32(Partitions.Count);
        foreach (var partition in Partitions)
            WritePartition(writer, partition);

        var content = bytes.WrittenSpan;
        Span<byte> header = stackalloc byte[HeaderSize];
        content[..HeaderSize].CopyTo(header);
        BinaryPrimitives.WriteUInt32BigEndian(header[CrcAt..], Crc32C.Compute(content[HeaderSize..]));
        // Always a new file: the sync of its directory may have failed the last time, and then no later one makes the old name durable.
        if (disk.FileExists(path))
            disk.Delete(path);
        using var file = disk.Open(path, FileOpening.CreateNew);
        file.Write(0, header);
        file.Write(HeaderSize, content[HeaderSize..]);
        file.Sync();
    }

    /// <exception cref="DamagedStorageException">The file is not what was written.</exception>
    public static CheckpointFile Read(IDisk disk, string path)
    {
        byte[] bytes;
        using (var file = disk.Open(path, FileOpening.Read))
        {
            bytes = new byte[file.Length];
            if (file.Read(0, bytes) != bytes.Length)
                throw new DamagedStorageException(path, 0, "the checkpoint is shorter than its length");
        }
        if (bytes.Length < HeaderSize || BinaryPrimitives.ReadInt32BigEndian(bytes) != Magic)
            throw new DamagedStorageException(path, 0, "this is not a checkpoint file");
        var version = BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(sizeof(int)));
        if (version != Version)
            throw new DamagedStorageException(path, sizeof(int), $"the checkpoint has format version {version}; this build reads version {Version}");
        if (BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(CrcAt)) != Crc32C.Compute(bytes.AsSpan(HeaderSize)))
            throw new DamagedStorageException(path, CrcAt, "the checkpoint's checksum does not match its content");
        try
        {
            return Parse(bytes);
        }
        catch (InvalidDataException exception)
        {
            throw new DamagedStorageException(path, HeaderSize, exception.Message);
        }
    }

    private static CheckpointFile Parse(byte[] bytes)
    {
        var reader = new FieldReader(bytes.AsSpan(HeaderSize));
        var coordination = new CoordinationSection(
            reader.Int64(), reader.Bytes().ToArray(), reader.Bytes().ToArray(), reader.Bytes().ToArray(), reader.Bytes().ToArray());
        var partitions = new PartitionSection[reader.Count(36)];
        for (var i = 0; i < partitions.Length; i++)
            partitions[i] = new PartitionSection(
                new PartitionKey(reader.Int32(), reader.Int32()), reader.Int64(),
                reader.Bytes().ToArray(), reader.Bytes().ToArray(), reader.Int64(), reader.Bytes().ToArray());
        reader.ExpectEnd();
        return new CheckpointFile(coordination, partitions);
    }

    private void WriteCoordination(FieldWriter writer)
    {
        writer.Int64(Coordination.AppliedLsn);
        writer.Bytes(Coordination.Topics.Span);
        writer.Bytes(Coordination.Transactions.Span);
        writer.Bytes(Coordination.Groups.Span);
        writer.Bytes(Coordination.MessageIds.Span);
    }

    private static void WritePartition(FieldWriter writer, PartitionSection partition)
    {
        writer.Int32(partition.Key.Topic);
        writer.Int32(partition.Key.Index);
        writer.Int64(partition.AppliedLsn);
        writer.Bytes(partition.State.Span);
        writer.Bytes(partition.Segments.Span);
        writer.Int64(partition.TailOffset);
        writer.Bytes(partition.Tail.Span);
    }
}
