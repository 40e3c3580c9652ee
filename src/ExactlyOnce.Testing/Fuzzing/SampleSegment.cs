using System.Buffers.Binary;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>One segment of the sample directory, with its truth: where every batch stands.</summary>
internal sealed class SampleSegment
{
    public required SegmentDescription Description { get; init; }

    public required AbortedEntry[] Aborted { get; init; }

    public required byte[] Log { get; init; }

    /// <summary>Offset, time and transaction index, each with its length, u16, in front.</summary>
    public required byte[] Indexes { get; init; }

    /// <summary>Of every batch: its last offset, where it begins, its largest timestamp.</summary>
    public required (long LastOffset, long Position, long TimestampMs)[] Places { get; init; }

    public SegmentRules Rules { get; } = new();

    /// <summary>The first segment that has an entry in every index.</summary>
    public static SampleSegment Find()
    {
        var image = SampleDirectory.Make(SampleEnd.Closed);
        foreach (var section in SampleParts.CheckpointOf(image).Partitions)
            foreach (var segment in SegmentList.Read(section.Segments.Span, out _))
                if (segment is { OffsetIndexLength: > 0, TimeIndexLength: > 0, TransactionIndexLength: > 0, HasHoles: false })
                    return Of(image, segment);
        throw new InvalidOperationException("The sample directory has no segment with all indexes.");
    }

    public DirectoryImage WithIndexes(string folder, ReadOnlySpan<byte> indexes)
    {
        var files = new List<(string, byte[])> { (Description.Name.In(folder, SegmentName.LogSuffix), Log) };
        foreach (var suffix in SegmentName.Suffixes[1..])
        {
            if (indexes.Length < sizeof(ushort))
                break;
            var length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(indexes), indexes.Length - sizeof(ushort));
            files.Add((Description.Name.In(folder, suffix), indexes.Slice(sizeof(ushort), length).ToArray()));
            indexes = indexes[(sizeof(ushort) + length)..];
        }
        return DirectoryImage.Of(folder, files);
    }

    public DirectoryImage WithLog(string folder, ReadOnlySpan<byte> log) =>
        DirectoryImage.Single(folder, Description.Name.In(folder, SegmentName.LogSuffix), log.ToArray());

    /// <summary>Where the last batch ends that lies within so many bytes.</summary>
    public int EndOfFirstBatches(int bytes)
    {
        var end = 0;
        while (end < Log.Length && BatchHeader.Read(Log.AsSpan(end)).SizeInBytes is var size && end + size <= bytes)
            end += size;
        return end;
    }

    private static SampleSegment Of(DirectoryImage image, SegmentDescription segment)
    {
        byte[] Content(string suffix) => image.Files.First(file => file.Path.EndsWith("/" + segment.Name.FileName(suffix), StringComparison.Ordinal)
            && file.Path.Contains("-plain-0", StringComparison.Ordinal)).Content;
        var indexes = new List<byte>();
        Span<byte> length = stackalloc byte[sizeof(ushort)];
        foreach (var suffix in SegmentName.Suffixes[1..])
        {
            BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)Content(suffix).Length);
            indexes.AddRange(length);
            indexes.AddRange(Content(suffix));
        }
        TransactionIndex.TryRead(Content(SegmentName.TransactionIndexSuffix), out var aborted);
        var log = Content(SegmentName.LogSuffix)[..(int)segment.LogLength];
        var places = new List<(long, long, long)>();
        var sequence = new BatchSequence(log);
        while (sequence.MoveNext())
            places.Add((sequence.Current.LastOffset, sequence.Position, sequence.Current.MaxTimestamp));
        return new SampleSegment { Description = segment, Aborted = aborted, Log = log, Indexes = [.. indexes], Places = [.. places] };
    }
}
