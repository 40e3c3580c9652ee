using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Journal;

/// <summary>Reads the groups of one journal file; says what is valid and leaves it to <see cref="JournalReader"/> what follows from that.</summary>
internal sealed class JournalFileReader : IDisposable
{
    private readonly IDiskFile _file;
    private readonly JournalFile _entry;
    private readonly long _length;
    private readonly byte[] _header = new byte[JournalFormat.GroupHeaderBytes];
    private byte[] _payload = [];

    public JournalFileReader(IDiskFile file, JournalFile entry)
    {
        _file = file;
        _entry = entry;
        _length = file.Length;
    }

    public string Path => _file.Path;

    /// <summary>The frames of the group read last; valid until the next one is read.</summary>
    public ReadOnlyMemory<byte> Payload { get; private set; }

    /// <summary>True when the block at <paramref name="position"/> looks like a group of ours: with a wrong checksum it is a torn or damaged one.</summary>
    public bool LooksLikeGroup(long position) => TryReadHeader(position, out _, out _);

    /// <summary>Reads the group at <paramref name="position"/>; false unless every byte of it is as it was written, in this file, at this place.</summary>
    public bool TryReadGroup(long position, out JournalGroupHeader header)
    {
        if (!TryReadHeader(position, out header, out var version) || header.PayloadBytes > _length - position - JournalFormat.GroupHeaderBytes)
            return false;
        if (_payload.Length < header.PayloadBytes)
            _payload = new byte[Math.Max(header.PayloadBytes, Math.Min(_payload.Length * 2L, Array.MaxLength))];
        var payload = _payload.AsMemory(0, header.PayloadBytes);
        if (_file.Read(position + JournalFormat.GroupHeaderBytes, payload.Span) != payload.Length || Checksum(payload.Span) != StoredChecksum)
            return false;
        if (version > JournalFormat.GroupVersion)
            throw new StorageException($"'{Path}' was written by a newer version of ExactlyOnce. Open the directory with that one.", code: ErrorCode.UnsupportedVersion);
        Payload = payload;
        return true;
    }

    /// <summary>The next valid group at or behind a block; false when there is none to the end of the file.</summary>
    public bool TryFindGroup(long position, out JournalGroupHeader header)
    {
        for (; position + JournalFormat.GroupHeaderBytes <= _length; position += JournalFormat.BlockBytes)
        {
            if (TryReadGroup(position, out header))
                return true;
        }
        header = default;
        return false;
    }

    public void Dispose() => _file.Dispose();

    private uint StoredChecksum => BinaryPrimitives.ReadUInt32LittleEndian(_header.AsSpan(JournalGroupHeader.CrcAt));

    private uint Checksum(ReadOnlySpan<byte> payload) =>
        Crc32C.Append(Crc32C.Append(_entry.Seed, _header.AsSpan(0, JournalGroupHeader.CrcAt)), payload);

    private bool TryReadHeader(long position, out JournalGroupHeader header, out ushort version)
    {
        header = default;
        version = 0;
        if (position + JournalFormat.GroupHeaderBytes > _length || _file.Read(position, _header) != _header.Length)
            return false;
        return JournalGroupHeader.TryRead(_header, out header, out version) && header.Generation == _entry.Generation && header.Position == position;
    }
}
