using System.Buffers.Binary;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>
/// The files of a whole broker: manifest, checkpoint, journal, and a small directory opened, read and compared with what it was before the damage.
/// </summary>
internal static class StorageTargets
{
    private const string Root = SampleDirectory.Root;
    private const uint Seed = 0x1234_5678;

    private static readonly Lazy<DirectoryOriginals> s_originals = new(() => new DirectoryOriginals(SampleParts.SmallDirectories()));

    public static IEnumerable<FuzzTarget> Create()
    {
        yield return new FuzzTarget("manifest", ReadManifest) { Refusal = typeof(DamagedStorageException), Seeds = SampleParts.FilesNamed(Manifest.FileName), FixUp = FixManifest, AllocatedBytesPerByte = 16 };
        yield return new FuzzTarget("checkpoint", ReadCheckpoint) { Refusal = typeof(DamagedStorageException), Seeds = SampleParts.SmallCheckpoints, FixUp = FixCheckpoint, InputBytesMax = 8192, AllocatedBytesPerByte = 16 };
        yield return new FuzzTarget("journal", ReadJournal) { Refusal = typeof(DamagedStorageException), Seeds = () => SampleParts.JournalFiles(Seed), FixUp = FixJournal, InputBytesMax = 12 << 10, AllocatedBytesPerByte = 16 };
        yield return new FuzzTarget("directory", OpenDirectory)
        {
            Prepare = () => _ = s_originals.Value, Refusal = typeof(DamagedStorageException), Seeds = SampleParts.SmallDirectories, FixUp = FixDirectory, InputBytesMax = 160 << 10, AllocatedBytesBase = 8 << 20,
        };
    }

    private static void ReadManifest(ReadOnlySpan<byte> input)
    {
        var manifest = Manifest.Read(DiskWith(Manifest.FileName, input), Root)!;
        FuzzTargets.Require(Manifest.Read(DiskWith(Manifest.FileName, manifest.Encode()), Root)!.Encode().AsSpan().SequenceEqual(manifest.Encode()), "a manifest that is understood is written as it was");
        foreach (var name in manifest.JournalFiles.Select(file => file.Name).Append(manifest.CheckpointFile ?? "none"))
            FuzzTargets.Require(Path.GetFileName(name) == name && name is not ("." or ".."), "a manifest names files of its own directory");
    }

    internal static void FixManifest(Span<byte> input)
    {
        if (input.Length > sizeof(uint))
            BinaryPrimitives.WriteUInt32LittleEndian(input[^sizeof(uint)..], Crc32C.Compute(input[..^sizeof(uint)]));
    }

    private static void ReadCheckpoint(ReadOnlySpan<byte> input) => CheckpointFile.Read(DiskWith("c", input), Root + "/c");

    internal static void FixCheckpoint(Span<byte> input)
    {
        if (input.Length >= 10)
            BinaryPrimitives.WriteUInt32BigEndian(input[6..], Crc32C.Compute(input[10..]));
    }

    private static void ReadJournal(ReadOnlySpan<byte> input)
    {
        var entry = new JournalFile(1, 0, Seed, "j");
        var disk = DiskWith(JournalFormat.DirectoryName + "/j", input);
        using var reader = new JournalReader(disk, Root, new Manifest { NextGeneration = 2, JournalFiles = [entry] });
        var last = 0L;
        while (reader.TryRead(out var frame))
        {
            FuzzTargets.Require(frame.Lsn > last, "LSNs ascend");
            last = frame.Lsn;
            foreach (var piece in frame)
                FuzzTargets.Require(piece.Payload.Length < frame.Length, "a piece lies in its frame");
        }
    }

    private static void FixJournal(Span<byte> input) => FixJournal(input, Seed);

    internal static void FixJournal(Span<byte> input, uint seed)
    {
        for (var at = 0; at + JournalFormat.GroupHeaderBytes <= input.Length; at += JournalFormat.BlockBytes)
        {
            var group = input[at..];
            if (!JournalGroupHeader.TryRead(group, out var header, out _) || header.PayloadBytes > group.Length - JournalFormat.GroupHeaderBytes)
                continue;
            var crc = Crc32C.Append(Crc32C.Append(seed, group[..JournalGroupHeader.CrcAt]), group.Slice(JournalFormat.GroupHeaderBytes, header.PayloadBytes));
            BinaryPrimitives.WriteUInt32LittleEndian(group[JournalGroupHeader.CrcAt..], crc);
        }
    }

    private static void OpenDirectory(ReadOnlySpan<byte> input)
    {
        var image = DirectoryImage.Decode(Root, input);
        var engine = BrokerEngine.Open(new SteppedEnvironment(new ImageDisk(image)), SampleDirectory.Options);
        // A meter is known to the whole process until it is disposed.
        using (engine.Meter)
        {
            var contents = BrokerContents.Of(engine);
            if (!s_originals.Value.IsForged(image))
                s_originals.Value.RequireNothingElse(contents);
        }
    }

    /// <summary>The checksums of all the files there are, from the inside out.</summary>
    private static void FixDirectory(Span<byte> input)
    {
        var seeds = new Dictionary<string, uint>(StringComparer.Ordinal);
        foreach (var (path, content) in DirectoryImage.Locate(input))
        {
            var bytes = input[content];
            if (path == Manifest.FileName)
            {
                FixManifest(bytes);
                CollectSeeds(bytes, seeds);
            }
            else if (path.EndsWith(Directories.CheckpointSuffix, StringComparison.Ordinal))
            {
                FixStates(bytes);
                FixCheckpoint(bytes);
            }
        }
        foreach (var (path, content) in DirectoryImage.Locate(input))
            if (seeds.TryGetValue(Path.GetFileName(path), out var seed))
                FixJournal(input[content], seed);
    }

    private static void CollectSeeds(ReadOnlySpan<byte> manifest, Dictionary<string, uint> seeds)
    {
        try
        {
            foreach (var file in Manifest.Read(DiskWith(Manifest.FileName, manifest), Root)!.JournalFiles)
                seeds[file.Name] = file.Seed;
        }
        catch (BrokerException)
        {
            // Damaged beyond a wrong checksum: then no journal is looked for.
        }
    }

    /// <summary>The checksums of the partitions' states inside a checkpoint.</summary>
    private static void FixStates(Span<byte> checkpoint)
    {
        try
        {
            var rest = checkpoint[10..];
            rest = rest[8..];
            for (var section = 0; section < 4; section++)
                rest = rest[(4 + BinaryPrimitives.ReadInt32BigEndian(rest))..];
            rest = rest[4..];
            while (rest.Length > 36)
            {
                var state = BinaryPrimitives.ReadInt32BigEndian(rest[16..]);
                StateTargets.FixPartitionSnapshot(rest.Slice(20, state));
                rest = rest[(20 + state)..];
                rest = rest[(4 + BinaryPrimitives.ReadInt32BigEndian(rest))..];
                rest = rest[8..];
                rest = rest[(4 + BinaryPrimitives.ReadInt32BigEndian(rest))..];
            }
        }
        catch (ArgumentOutOfRangeException)
        {
            // The lengths no longer lead through it.
        }
    }

    private static ImageDisk DiskWith(string path, ReadOnlySpan<byte> content) => new(DirectoryImage.Single(Root, Root + "/" + path, content.ToArray()));
}
