using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// One change of the topic catalog, as it stands in the journal and, one for each topic, in a checkpoint.
/// Bytes: version i8 = 1, kind i8 (1 put, 2 delete), number i32; for put also name text, id 16 bytes, partitions i32, internal i8, created i64 and the
/// options in the order of <see cref="WriteOptions"/> (times in milliseconds, −1 for ever).
/// </summary>
internal abstract record TopicRecord(int Number)
{
    private const byte Version = 1;
    private const byte PutKind = 1;
    private const byte DeleteKind = 2;

    /// <summary>The longest time there is, in whole milliseconds.</summary>
    private const long TimeMsMax = long.MaxValue / TimeSpan.TicksPerMillisecond;

    /// <summary>The topic exists with exactly these properties.</summary>
    internal sealed record Put(int Number, string Name, Guid Id, int Partitions, bool IsInternal, long CreatedMs, TopicOptions Options) : TopicRecord(Number);

    /// <summary>The topic is gone; its number is never used again.</summary>
    internal sealed record Delete(int Number) : TopicRecord(Number);

    public void Write(IBufferWriter<byte> destination)
    {
        var writer = new FieldWriter(destination);
        writer.Byte(Version);
        writer.Byte(this is Put ? PutKind : DeleteKind);
        writer.Int32(Number);
        if (this is not Put put)
            return;
        writer.Text(put.Name);
        writer.Guid(put.Id);
        writer.Int32(put.Partitions);
        writer.Flag(put.IsInternal);
        writer.Int64(put.CreatedMs);
        WriteOptions(writer, put.Options);
    }

    public static TopicRecord Read(ReadOnlySpan<byte> source)
    {
        var reader = new FieldReader(source);
        var record = Read(ref reader);
        reader.ExpectEnd();
        return record;
    }

    public static TopicRecord Read(ref FieldReader reader)
    {
        var version = reader.Byte();
        if (version != Version)
            throw new InvalidDataException($"Topic record of version {version}; this build reads version {Version}.");
        var kind = reader.Byte();
        var number = reader.Int32();
        if (number is < 1 or int.MaxValue)
            throw new InvalidDataException($"{number} is no topic's number.");
        return kind switch
        {
            PutKind => ReadPut(ref reader, number),
            DeleteKind => new Delete(number),
            _ => throw new InvalidDataException($"Topic record of unknown kind {kind}."),
        };
    }

    private static Put ReadPut(ref FieldReader reader, int number)
    {
        var name = reader.Text();
        var id = reader.Guid();
        var partitions = reader.Int32();
        var isInternal = reader.Flag();
        var createdMs = reader.Int64();
        var options = ReadOptions(ref reader);
        options.Partitions = partitions;
        // The name becomes a folder, the options sizes and counts: what could not have been created is not believed either.
        if (!Topic.IsValidName(name))
            throw new InvalidDataException($"Topic {number} has a name that no topic can have.");
        if (TopicCatalog.DescribeInvalid(options) is { } complaint)
            throw new InvalidDataException($"Topic {number}: {complaint}");
        return new Put(number, name, id, partitions, isInternal, createdMs, options);
    }

    private static void WriteOptions(FieldWriter writer, TopicOptions options)
    {
        writer.Byte((byte)options.Cleanup);
        writer.Int64(Milliseconds(options.RetainFor));
        writer.Int64(options.RetainBytes);
        writer.Int32(options.SegmentBytes);
        writer.Int64(Milliseconds(options.SegmentAge));
        writer.Int32(options.MaxMessageBytes);
        writer.Byte((byte)options.TimestampType);
        writer.Int64(Milliseconds(options.TimestampMaxAhead));
        writer.Int64(Milliseconds(options.MinCompactionLag));
        writer.Int64(Milliseconds(options.DeleteRetention));
        writer.Int32(options.DuplicateWindowBatches);
        writer.Int64(Milliseconds(options.MessageIdWindow));
    }

    private static TopicOptions ReadOptions(ref FieldReader reader) => new()
    {
        Cleanup = (CleanupPolicy)reader.Byte(),
        RetainFor = Time(reader.Int64()),
        RetainBytes = reader.Int64(),
        SegmentBytes = reader.Int32(),
        SegmentAge = Time(reader.Int64()),
        MaxMessageBytes = reader.Int32(),
        TimestampType = reader.Flag() ? TimestampType.LogAppendTime : TimestampType.CreateTime,
        TimestampMaxAhead = Time(reader.Int64()),
        MinCompactionLag = Time(reader.Int64()),
        DeleteRetention = Time(reader.Int64()),
        DuplicateWindowBatches = reader.Int32(),
        MessageIdWindow = Time(reader.Int64()),
    };

    private static long Milliseconds(TimeSpan time) => time == Timeout.InfiniteTimeSpan ? -1 : time.Ticks / TimeSpan.TicksPerMillisecond;

    private static TimeSpan Time(long milliseconds) => milliseconds switch
    {
        -1 => Timeout.InfiniteTimeSpan,
        >= 0 and <= TimeMsMax => TimeSpan.FromMilliseconds(milliseconds),
        _ => throw new InvalidDataException($"{milliseconds} milliseconds are no time."),
    };
}
