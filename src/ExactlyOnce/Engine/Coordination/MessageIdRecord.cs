using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// Message ids accepted with one batch. Bytes: version i8 = 1, topic number i32, partition i32, base offset i64, time i64, window i64 (milliseconds), count
/// i32, then each offset delta i32 and id text.
/// </summary>
/// <param name="AtMs">Broker time of the append; the window is measured from it.</param>
/// <param name="WindowMs">How long the ids are remembered.</param>
internal sealed record MessageIdRecord(PartitionKey Partition, long BaseOffset, long AtMs, long WindowMs, IReadOnlyList<(int OffsetDelta, string Id)> Ids)
{
    private const byte Version = 1;

    /// <summary>At most what the record of a batch with these ids takes.</summary>
    public static long BytesMax(IReadOnlyList<string?> ids)
    {
        var bytes = 64L;
        foreach (var id in ids)
            bytes += 8L + (3L * (id?.Length ?? 0));
        return bytes;
    }

    public void Write(IBufferWriter<byte> destination)
    {
        var writer = new FieldWriter(destination);
        writer.Byte(Version);
        writer.Int32(Partition.Topic);
        writer.Int32(Partition.Index);
        writer.Int64(BaseOffset);
        writer.Int64(AtMs);
        writer.Int64(WindowMs);
        writer.Int32(Ids.Count);
        foreach (var (delta, id) in Ids)
        {
            writer.Int32(delta);
            writer.Text(id);
        }
    }

    public static MessageIdRecord Read(ReadOnlySpan<byte> source)
    {
        var reader = new FieldReader(source);
        var record = Read(ref reader);
        reader.ExpectEnd();
        return record;
    }

    public static MessageIdRecord Read(ref FieldReader reader)
    {
        var version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"Message id record of version {version}; this build reads version {Version}.");
        var partition = new PartitionKey(reader.Int32(), reader.Int32());
        var baseOffset = reader.Int64();
        var atMs = reader.Int64();
        var windowMs = reader.Int64();
        var ids = new (int, string)[reader.Count(8)];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = (reader.Int32(), reader.Text());
        return new MessageIdRecord(partition, baseOffset, atMs, windowMs, ids);
    }
}
