using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>What the sample directories consist of, cut into inputs for the targets.</summary>
internal static class SampleParts
{
    private const int SmallBytes = 2048;

    private static readonly Lazy<DirectoryImage> s_small = new(() => SampleDirectory.Make(SampleEnd.DiedIdle, bulkBytes: 0));
    private static readonly Lazy<DirectoryImage> s_smallClosed = new(() => SampleDirectory.Make(SampleEnd.Closed, bulkBytes: 0));
    private static readonly Lazy<DirectoryImage> s_large = new(() => SampleDirectory.Make(SampleEnd.Closed));

    public static CheckpointFile CheckpointOf(DirectoryImage image)
    {
        var disk = new ImageDisk(image);
        return CheckpointFile.Read(disk, Path.Combine(image.Root, Manifest.Read(disk, image.Root)!.CheckpointFile!));
    }

    public static IEnumerable<byte[]> Batches() => Distinct(AllBatches().Where(batch => !BatchHeader.Read(batch).IsControl));

    public static IEnumerable<byte[]> Markers() => Distinct(AllBatches().Where(batch => BatchHeader.Read(batch).IsControl), 2);

    public static IEnumerable<byte[]> Runs() => CheckpointOf(s_small.Value).Partitions.Select(section => Cut(section.Tail.Span)).Where(run => run.Length > 0);

    public static IEnumerable<byte[]> GzipBlocks() =>
        AllBatches().Where(batch => BatchHeader.Read(batch).Compression == CompressionType.Gzip).Select(batch => batch[BatchHeader.Size..]).Take(2);

    public static Func<IEnumerable<byte[]>> Pieces(PieceOwner owner, byte kind) => () => Distinct(PiecesOf(owner, kind));

    public static Func<IEnumerable<byte[]>> Section(Func<CoordinationSection, ReadOnlyMemory<byte>> choose) =>
        () => new[] { s_small.Value, s_smallClosed.Value }.Select(image => choose(CheckpointOf(image).Coordination).ToArray());

    public static IEnumerable<byte[]> TopicRecords()
    {
        IEnumerable<TopicRecord> records = TopicCatalog.ReadSnapshot(CheckpointOf(s_small.Value).Coordination.Topics.Span).Topics;
        foreach (var record in records.Append(new TopicRecord.Delete(2)))
        {
            var bytes = new ArrayBufferWriter<byte>();
            record.Write(bytes);
            yield return bytes.WrittenSpan.ToArray();
        }
    }

    public static IEnumerable<byte[]> PartitionStates() => Distinct(CheckpointOf(s_small.Value).Partitions.Select(section => section.State.ToArray()), 2);

    public static IEnumerable<byte[]> SegmentLists() => CheckpointOf(s_large.Value).Partitions.Select(section => section.Segments.ToArray());

    public static Func<IEnumerable<byte[]>> IndexesOf(string suffix) =>
        () => s_large.Value.Files.Where(file => file.Path.EndsWith(suffix, StringComparison.Ordinal) && file.Content.Length > 0).Select(file => file.Content).Take(3);

    public static IEnumerable<byte[]> ProducerSnapshots() =>
        s_large.Value.Files.Where(file => file.Path.EndsWith(ProducerSnapshot.Suffix, StringComparison.Ordinal)).Select(file => file.Content).Take(2);

    public static Func<IEnumerable<byte[]>> FilesNamed(string name) =>
        () => s_large.Value.Files.Where(file => Path.GetFileName(file.Path) == name).Select(file => file.Content).Take(2);

    public static IEnumerable<byte[]> Frames() => Distinct(FramesOf(s_small.Value).Select(frame => frame.ToArray()));

    public static IEnumerable<byte[]> SmallCheckpoints() =>
        [SampleDirectory.Make(SampleEnd.DiedIdle, bulkBytes: 0, bulkRecords: 0).Files.First(file => file.Path.EndsWith(Directories.CheckpointSuffix, StringComparison.Ordinal)).Content];

    public static IEnumerable<byte[]> SmallDirectories()
    {
        foreach (var end in new[] { SampleEnd.DiedIdle, SampleEnd.Closed })
        {
            var image = SampleDirectory.Make(end, bulkBytes: 0, bulkRecords: 0);
            yield return DirectoryImage.Of(image.Root, [.. image.Files.Select(file => (file.Path, file.Path.EndsWith(JournalFormat.FileSuffix, StringComparison.Ordinal) ? WithoutEmptyBlocks(file.Content) : file.Content))]).Encode();
        }
    }

    private static byte[] WithoutEmptyBlocks(byte[] journal)
    {
        var used = journal.AsSpan().LastIndexOfAnyExcept((byte)0) + JournalFormat.BlockBytes;
        return journal[..Math.Min(journal.Length, used / JournalFormat.BlockBytes * JournalFormat.BlockBytes)];
    }

    /// <summary>Files of two groups, the second one empty: it vouches.</summary>
    public static IEnumerable<byte[]> JournalFiles(uint seed)
    {
        foreach (var frame in Frames().Take(6))
        {
            var file = new byte[2 * JournalFormat.BlockBytes];
            WriteGroup(file, new JournalGroupHeader(1, 0, 0, 0, frame.Length, 1), frame, seed);
            WriteGroup(file.AsSpan(JournalFormat.BlockBytes), new JournalGroupHeader(1, JournalFormat.BlockBytes, frame.Length, frame.Length, 0, 0), [], seed);
            yield return file[..(JournalFormat.BlockBytes + JournalFormat.GroupHeaderBytes)];
        }
    }

    private static void WriteGroup(Span<byte> block, in JournalGroupHeader header, ReadOnlySpan<byte> payload, uint seed)
    {
        header.Write(block);
        payload.CopyTo(block[JournalFormat.GroupHeaderBytes..]);
        var crc = Crc32C.Append(Crc32C.Append(seed, block[..JournalGroupHeader.CrcAt]), payload);
        BinaryPrimitives.WriteUInt32LittleEndian(block[JournalGroupHeader.CrcAt..], crc);
    }

    /// <summary>The compressed ones first.</summary>
    private static IEnumerable<byte[]> AllBatches()
    {
        var batches = new List<byte[]>();
        foreach (var section in CheckpointOf(s_small.Value).Partitions)
        {
            var sequence = new BatchSequence(section.Tail.Span);
            while (sequence.MoveNext())
                batches.Add(sequence.Batch.ToArray());
        }
        batches.AddRange(PiecesOf(PieceOwner.Partition, (byte)PartitionPiece.Batch));
        return batches.OrderByDescending(batch => BatchHeader.Read(batch).Compression);
    }

    private static IEnumerable<byte[]> PiecesOf(PieceOwner owner, byte kind)
    {
        foreach (var frame in FramesOf(s_small.Value))
        {
            JournalFrameView.TryRead(0, frame, out var view);
            foreach (var piece in view)
                if (piece.OwnerKind == (byte)owner && piece.Kind == kind)
                    yield return piece.Payload.ToArray();
        }
    }

    /// <summary>Every frame that the journal files still hold, also in front of the checkpoint.</summary>
    private static List<ReadOnlyMemory<byte>> FramesOf(DirectoryImage image)
    {
        var frames = new List<ReadOnlyMemory<byte>>();
        var disk = new ImageDisk(image);
        foreach (var entry in Manifest.Read(disk, image.Root)!.JournalFiles)
        {
            using var reader = new JournalFileReader(disk.Open(Path.Combine(image.Root, JournalFormat.DirectoryName, entry.Name), Engine.Disk.FileOpening.Read), entry);
            for (var at = 0L; reader.TryFindGroup(at, out var group); at = group.NextPosition)
                for (ReadOnlyMemory<byte> rest = reader.Payload.ToArray(); JournalFrameView.TryRead(0, rest, out var frame); rest = rest[frame.Length..])
                    frames.Add(rest[..frame.Length]);
        }
        return frames;
    }

    private static byte[] Cut(ReadOnlySpan<byte> batches)
    {
        var end = 0;
        while (end < batches.Length && BatchHeader.Read(batches[end..]).SizeInBytes is var size && end + size <= SmallBytes)
            end += size;
        return batches[..end].ToArray();
    }

    /// <summary>A few of each length: more of the same shape teach a fuzzer nothing.</summary>
    private static IEnumerable<byte[]> Distinct(IEnumerable<byte[]> inputs, int ofEachLength = 1) =>
        inputs.Where(input => input.Length <= SmallBytes).GroupBy(input => input.Length).SelectMany(same => same.Take(ofEachLength)).Take(16);
}
