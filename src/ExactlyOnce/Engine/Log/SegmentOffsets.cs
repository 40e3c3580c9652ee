using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The proof that the batches of a segment with holes stand at the offsets they claim (<see cref="SegmentDescription.OffsetsCrc"/>). It takes a walk over all
/// headers, so it is given once for each file and process, when somebody first reads it; a log that compaction has shortened is read from its beginning by most
/// who read it at all.
/// </summary>
internal static class SegmentOffsets
{
    public static uint Append(uint crc, long baseOffset)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, baseOffset);
        return Crc32C.Append(crc, bytes);
    }

    /// <summary>Does nothing for a segment without holes. The caller has leased the file.</summary>
    /// <exception cref="DamagedStorageException">A batch is not at the offset it was written at.</exception>
    public static void AssertRight(LogSegment segment)
    {
        if (!segment.Description.HasHoles || segment.File.HasRightOffsets)
            return;
        using var scanner = new SegmentScanner(segment.File, 0, segment.LogLength, hasHoles: true);
        var crc = 0u;
        while (scanner.TryNext(out var header))
            crc = Append(crc, header.BaseOffset);
        if (crc != segment.Description.OffsetsCrc)
            throw new DamagedStorageException(segment.File.LogPath, 0, "the offsets of its batches are not those that compaction wrote");
        segment.File.HasRightOffsets = true;
    }
}
