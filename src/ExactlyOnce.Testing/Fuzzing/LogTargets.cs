using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>The files in a partition's folder. An index may be anything: what is found through it is what stands in the log.</summary>
internal static class LogTargets
{
    private const string Folder = "/p";

    public static IEnumerable<FuzzTarget> Create()
    {
        yield return new FuzzTarget("transaction-index", ReadTransactionIndex) { Seeds = SampleParts.IndexesOf(SegmentName.TransactionIndexSuffix), AllocatedBytesPerByte = 8 };
        yield return new FuzzTarget("producer-snapshot", ReadProducerSnapshot) { Seeds = SampleParts.ProducerSnapshots, FixUp = FixProducerSnapshot, AllocatedBytesPerByte = 8 };
        yield return new FuzzTarget("partition-metadata", ReadPartitionMetadata) { Seeds = SampleParts.FilesNamed(PartitionMetadataFile.FileName), InputBytesMax = 256, AllocatedBytesPerByte = 16 };
        yield return new FuzzTarget("leader-epochs", ReadLeaderEpochs) { Seeds = SampleParts.FilesNamed(LeaderEpochFile.FileName), InputBytesMax = 512, AllocatedBytesPerByte = 128 };
        var segment = new Lazy<SampleSegment>(SampleSegment.Find);
        yield return new FuzzTarget("indexes", input => ReadThroughIndexes(input, segment.Value))
        {
            Prepare = () => _ = segment.Value, Seeds = () => [segment.Value.Indexes], AllocatedBytesBase = 1 << 20,
        };
        yield return new FuzzTarget("segment", input => ReadSegment(input, segment.Value))
        {
            Prepare = () => _ = segment.Value, Refusal = typeof(DamagedStorageException), Seeds = () => [segment.Value.Log[..segment.Value.EndOfFirstBatches(4096)]], FixUp = FixSegment, InputBytesMax = 8192, AllocatedBytesBase = 1 << 20,
        };
    }

    private static void ReadTransactionIndex(ReadOnlySpan<byte> input)
    {
        if (!TransactionIndex.TryRead(input, out var entries))
            return;
        var again = new GrowableBuffer();
        foreach (var entry in entries)
            TransactionIndex.Append(again, entry);
        FuzzTargets.Require(again.WrittenSpan.SequenceEqual(input), "an index that is understood is written as it was");
    }

    private static void ReadProducerSnapshot(ReadOnlySpan<byte> input)
    {
        if (ProducerSnapshot.TryDecode(input, out var rows))
            FuzzTargets.Require(ProducerSnapshot.Encode(rows).AsSpan().SequenceEqual(input), "a snapshot that is understood is written as it was");
    }

    private static void FixProducerSnapshot(Span<byte> input)
    {
        if (input.Length >= 6)
            BinaryPrimitives.WriteUInt32BigEndian(input[2..], Crc32C.Compute(input[6..]));
    }

    private static void ReadPartitionMetadata(ReadOnlySpan<byte> input)
    {
        if (PartitionMetadataFile.TryParse(Encoding.ASCII.GetString(input), out var id))
            FuzzTargets.Require(PartitionMetadataFile.TryParse(PartitionMetadataFile.Format(id), out var same) && same == id, "an id that is understood is written as it was");
    }

    private static void ReadLeaderEpochs(ReadOnlySpan<byte> input)
    {
        if (LeaderEpochFile.TryParse(Encoding.ASCII.GetString(input), out var epochs))
            FuzzTargets.Require(LeaderEpochFile.TryParse(LeaderEpochFile.Format(epochs), out var same) && same.AsSpan().SequenceEqual(epochs), "epochs that are understood are written as they were");
    }

    private static void ReadThroughIndexes(ReadOnlySpan<byte> input, SampleSegment sample)
    {
        var disk = new ImageDisk(sample.WithIndexes(Folder, input));
        var segment = LogDirectory.Open(disk, Folder, [sample.Description], sample.Rules).Segments[0];
        FuzzTargets.Require(segment.Aborted.SequenceEqual(sample.Aborted), "no aborted transaction is lost or invented");
        FuzzTargets.Require(segment.File.TryLease(), "the segment is there");
        foreach (var (offset, position, timestampMs) in sample.Places)
        {
            FuzzTargets.Require(segment.FindPosition(offset) == position, "an offset is found where it is");
            FuzzTargets.Require(segment.FindByTimestamp(timestampMs) <= offset, "no record is hidden from a search by time");
        }
        segment.File.Release();
    }

    /// <summary>A log without indexes, so that they are made from it, read from its beginning and from its middle.</summary>
    private static void ReadSegment(ReadOnlySpan<byte> input, SampleSegment sample)
    {
        var disk = new ImageDisk(sample.WithLog(Folder, input));
        var described = sample.Description with
        {
            LogLength = input.Length, OffsetIndexLength = 8, TimeIndexLength = 12, TransactionIndexLength = 34, TransactionIndexCrc = 0, LastIndexedPosition = 0,
        };
        var segment = LogDirectory.Open(disk, Folder, [described], sample.Rules).Segments[0];
        var view = new PartitionView([segment], null, segment.NextOffset, segment.BaseOffset, new AbortedList(), 0);
        foreach (var from in new[] { segment.BaseOffset, segment.BaseOffset + ((segment.NextOffset - segment.BaseOffset) / 2) })
        {
            using var cursor = new LogCursor(view, from);
            var last = -1L;
            while (cursor.TryRead(segment.NextOffset, 1024, out var run) == LogRead.Batches)
                foreach (var header in new BatchSequence(run.Span))
                {
                    FuzzTargets.Require(header.BaseOffset > last && header.LastOffset < segment.NextOffset, "offsets ascend and stay in their segment");
                    last = header.LastOffset;
                }
        }
    }

    /// <summary>The checksum of every batch that can be made out; the one that the seed's length divides into.</summary>
    private static void FixSegment(Span<byte> input)
    {
        while (BatchHeader.TryRead(input, out var header) && header.SizeInBytes <= input.Length)
        {
            BinaryPrimitives.WriteUInt32BigEndian(input[BatchHeader.CrcAt..], BatchHeader.ComputeCrc(input[..header.SizeInBytes]));
            input = input[header.SizeInBytes..];
        }
    }
}
