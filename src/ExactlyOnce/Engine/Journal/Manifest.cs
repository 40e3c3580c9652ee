using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// What belongs to the directory: the checkpoint, and the journal files to replay after it. Everything else on disk is an orphan. Immutable; replaced as a
/// whole by <see cref="ManifestStore"/>.
/// <code>
///  0  u32     magic "EOMF"
///  4  i32     format version, 1 or 2
///  8  i64     checkpoint LSN C
/// 16  i64     next generation
/// 24  i32     leader epoch
/// 28  i32     flags: 1 = closed cleanly
/// 32  string  checkpoint file name, or none
///     i32     number of journal files, then of each, in order:
///             i64 generation, i64 base LSN, u32 seed, string name
///     16 bytes the directory's id, version 2 only
/// end u32     CRC-32C of everything in front of it: the last four bytes, in every version there will be
///
/// string: i32 length in bytes (-1: none), UTF-8
/// </code>
/// </summary>
internal sealed record Manifest
{
    public const string FileName = "manifest";

    /// <summary>The newest version there is. A directory without an id stays at 1, so that an older build can go on with it.</summary>
    public const int Version = 2;

    private const int VersionWithoutId = 1;

    private const uint Magic = 0x464D_4F45;
    private const int CleanFlag = 1;
    private const int SizeMin = 44;
    private const int IdBytes = 16;
    private const int JournalFileBytesMin = 24;
    private const int SizeMax = 16 << 20;

    private static readonly UTF8Encoding s_strictText = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Version of the directory's format. Newer ones are refused, older ones are read.</summary>
    public int FormatVersion => Id == Guid.Empty ? VersionWithoutId : Version;

    /// <summary>Tells this directory from others wherever it is moved; empty until somebody asks for it.</summary>
    public Guid Id { get; init; }

    /// <summary>C: replay starts behind it, and everything up to it is durable in the checkpoint.</summary>
    public long CheckpointLsn { get; init; }

    /// <summary>Closed in order: nothing to replay. Cleared, durably, before the first write.</summary>
    public bool IsClean { get; init; }

    public int LeaderEpoch { get; init; }

    /// <summary>Generation of the next journal file.</summary>
    public long NextGeneration { get; init; } = 1;

    /// <summary>Name of the checkpoint; null before the first one.</summary>
    public string? CheckpointFile { get; init; }

    /// <summary>By base LSN. Each ends where the next begins; the last one where its valid groups end.</summary>
    public ImmutableArray<JournalFile> JournalFiles { get; init; } = [];

    /// <summary>
    /// The journal reaches at least this far: a file is listed only after its predecessor was synced to the end. Ending earlier is damage, not a torn tail.
    /// </summary>
    public long VouchedLsn => JournalFiles.IsEmpty ? CheckpointLsn : Math.Max(CheckpointLsn, JournalFiles[^1].BaseLsn);

    /// <summary>
    /// The files still needed after a checkpoint at <paramref name="checkpointLsn"/>: all but those wholly in front of it. The last one stays even then, the
    /// journal is writing it.
    /// </summary>
    public ImmutableArray<JournalFile> JournalFilesAfter(long checkpointLsn)
    {
        var unneeded = 0;
        while (unneeded + 1 < JournalFiles.Length && JournalFiles[unneeded + 1].BaseLsn <= checkpointLsn)
            unneeded++;
        return JournalFiles[unneeded..];
    }

    /// <summary>The directory's manifest; null when it has none.</summary>
    /// <exception cref="DamagedStorageException">It is not what was written.</exception>
    /// <exception cref="StorageException">A newer version wrote it, or the disk failed.</exception>
    public static Manifest? Read(IDisk disk, string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!disk.FileExists(path))
            return null;
        using var file = disk.Open(path, FileOpening.Read);
        var length = file.Length;
        if (length is < SizeMin or > SizeMax)
            throw new DamagedStorageException(path, 0, $"a manifest cannot have {length} bytes");
        var bytes = new byte[length];
        if (file.Read(0, bytes) != bytes.Length)
            throw new DamagedStorageException(path, 0, "it became shorter while it was read");
        return Decode(bytes, path);
    }

    public byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>();
        WriteInt32(buffer, unchecked((int)Magic));
        WriteInt32(buffer, FormatVersion);
        WriteInt64(buffer, CheckpointLsn);
        WriteInt64(buffer, NextGeneration);
        WriteInt32(buffer, LeaderEpoch);
        WriteInt32(buffer, IsClean ? CleanFlag : 0);
        WriteString(buffer, CheckpointFile);
        WriteInt32(buffer, JournalFiles.Length);
        foreach (var file in JournalFiles)
        {
            WriteInt64(buffer, file.Generation);
            WriteInt64(buffer, file.BaseLsn);
            WriteInt32(buffer, unchecked((int)file.Seed));
            WriteString(buffer, file.Name);
        }
        if (Id != Guid.Empty)
        {
            Id.TryWriteBytes(buffer.GetSpan(IdBytes), bigEndian: true, out _);
            buffer.Advance(IdBytes);
        }
        WriteInt32(buffer, unchecked((int)Crc32C.Compute(buffer.WrittenSpan)));
        return buffer.WrittenSpan.ToArray();
    }

    private static Manifest Decode(byte[] bytes, string path)
    {
        var body = bytes.AsSpan(0, bytes.Length - sizeof(uint));
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
            throw new DamagedStorageException(path, 0, "it does not begin like a manifest");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(body.Length)) != Crc32C.Compute(body))
            throw new DamagedStorageException(path, 0, "its checksum is wrong");
        var version = BinaryPrimitives.ReadInt32LittleEndian(body[4..]);
        if (version is < 1 or > Version)
        {
            throw new StorageException(
                $"'{path}' has format version {version}; this version of ExactlyOnce reads up to {Version}. Open the directory with a newer one.",
                code: ErrorCode.UnsupportedVersion);
        }
        var manifest = new Fields(body, path).Read(version);
        AssertConsistent(manifest, path);
        return manifest;
    }

    private static void AssertConsistent(Manifest manifest, string path)
    {
        var files = manifest.JournalFiles;
        for (var index = 0; index < files.Length; index++)
        {
            var isOrdered = index == 0 || (files[index - 1].BaseLsn <= files[index].BaseLsn && files[index - 1].Generation < files[index].Generation);
            if (!isOrdered || files[index].Generation >= manifest.NextGeneration || !IsFileName(files[index].Name))
                throw new DamagedStorageException(path, 0, "its journal files contradict each other");
        }
        if (manifest.CheckpointFile is { } checkpoint && !IsFileName(checkpoint))
            throw new DamagedStorageException(path, 0, "its checkpoint is no file of the directory");
        if (manifest.CheckpointLsn < 0 || (files.Length > 0 && files[0].BaseLsn > manifest.CheckpointLsn))
            throw new DamagedStorageException(path, 0, "its journal begins behind its checkpoint");
    }

    /// <summary>A name without a way out of its directory.</summary>
    private static bool IsFileName(string name) => name is not ("" or "." or "..") && name.AsSpan().IndexOfAny('/', '\\', '\0') < 0;

    private static void WriteInt32(ArrayBufferWriter<byte> buffer, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(buffer.GetSpan(sizeof(int)), value);
        buffer.Advance(sizeof(int));
    }

    private static void WriteInt64(ArrayBufferWriter<byte> buffer, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(buffer.GetSpan(sizeof(long)), value);
        buffer.Advance(sizeof(long));
    }

    private static void WriteString(ArrayBufferWriter<byte> buffer, string? value)
    {
        if (value is null)
        {
            WriteInt32(buffer, -1);
            return;
        }
        var bytes = Encoding.UTF8.GetBytes(value);
        WriteInt32(buffer, bytes.Length);
        buffer.Write(bytes);
    }

    /// <summary>Reads the fields in order; a length that leads outside is damage although the checksum is right, and is refused like any other.</summary>
    private ref struct Fields(ReadOnlySpan<byte> body, string path)
    {
        private readonly ReadOnlySpan<byte> _body = body;
        private readonly string _path = path;
        private int _at = 8;

        public Manifest Read(int version)
        {
            var manifest = new Manifest
            {
                CheckpointLsn = ReadInt64(),
                NextGeneration = ReadInt64(),
                LeaderEpoch = ReadInt32(),
                IsClean = (ReadInt32() & CleanFlag) != 0,
                CheckpointFile = ReadString(),
                JournalFiles = ReadFiles(),
                Id = version == VersionWithoutId ? Guid.Empty : new Guid(Take(IdBytes), bigEndian: true),
            };
            if (version != manifest.FormatVersion)
                throw Damaged();
            if (_at != _body.Length)
                throw Damaged();
            return manifest;
        }

        private ImmutableArray<JournalFile> ReadFiles()
        {
            var count = ReadInt32();
            if (count < 0 || count > (_body.Length - _at) / JournalFileBytesMin)
                throw Damaged();
            var files = ImmutableArray.CreateBuilder<JournalFile>(count);
            for (var index = 0; index < count; index++)
                files.Add(new JournalFile(ReadInt64(), ReadInt64(), unchecked((uint)ReadInt32()), ReadString() ?? ""));
            return files.MoveToImmutable();
        }

        private string? ReadString()
        {
            var length = ReadInt32();
            if (length == -1)
                return null;
            if (length < 0)
                throw Damaged();
            try
            {
                return s_strictText.GetString(Take(length));
            }
            catch (DecoderFallbackException)
            {
                throw Damaged();
            }
        }

        private int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

        private long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count > _body.Length - _at)
                throw Damaged();
            var taken = _body.Slice(_at, count);
            _at += count;
            return taken;
        }

        private readonly DamagedStorageException Damaged() => new(_path, _at, "its fields do not fit into it");
    }
}
