using System.Buffers.Binary;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// The 64 bytes in front of a group.
/// <code>
/// at  type
///  0  u32   magic "EOJG"
///  4  u16   version, 1
///  6  u16   zero
///  8  i64   generation of the file
/// 16  i64   position of this header in the file
/// 24  i64   base LSN: the LSN in front of the first frame
/// 32  i64   synced LSN: everything up to here was on the device before this group was written
/// 40  i32   payload bytes: the frames, one after the other
/// 44  i32   frame count; 0 in a group that only vouches
/// 48  12    zero
/// 60  u32   CRC-32C of bytes 0 to 59 and the payload, started with the file's seed
/// </code>
/// One checksum for the whole group, not one a frame: the group is what a crash tears, and nothing in it is acknowledged before all of it is synced, so a
/// group with one bad frame holds nothing that anybody relies on. A frame never spans groups, so a commit stays all or nothing.
/// </summary>
internal readonly record struct JournalGroupHeader(long Generation, long Position, long BaseLsn, long SyncedLsn, int PayloadBytes, int FrameCount)
{
    /// <summary>Where the checksum stands; it covers what is in front of it.</summary>
    public const int CrcAt = 60;

    private const int ReservedAt = 48;

    public long EndLsn => BaseLsn + PayloadBytes;

    public long NextPosition => Position + JournalFormat.GroupBytes(PayloadBytes);

    /// <summary>Writes everything but the checksum.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, JournalFormat.GroupMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(target[4..], JournalFormat.GroupVersion);
        BinaryPrimitives.WriteUInt16LittleEndian(target[6..], 0);
        BinaryPrimitives.WriteInt64LittleEndian(target[8..], Generation);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], Position);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], BaseLsn);
        BinaryPrimitives.WriteInt64LittleEndian(target[32..], SyncedLsn);
        BinaryPrimitives.WriteInt32LittleEndian(target[40..], PayloadBytes);
        BinaryPrimitives.WriteInt32LittleEndian(target[44..], FrameCount);
        target[ReservedAt..CrcAt].Clear();
    }

    /// <summary>
    /// Decodes what may be a header; whether it is one says only the checksum, which covers the version too.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out JournalGroupHeader header, out ushort version)
    {
        header = default;
        version = 0;
        if (source.Length < JournalFormat.GroupHeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(source) != JournalFormat.GroupMagic)
            return false;
        version = BinaryPrimitives.ReadUInt16LittleEndian(source[4..]);
        header = new JournalGroupHeader(
            BinaryPrimitives.ReadInt64LittleEndian(source[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[32..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[40..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[44..]));
        return header.PayloadBytes >= 0 && header.FrameCount >= 0;
    }
}
