using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;

namespace ExactlyOnce.Serialization;

/// <summary>GZIP, the one codec the core brings. A block is one gzip member, as every Kafka client writes it. Thread-safe: it has no state.</summary>
internal sealed class GzipCodec : ICompressionCodec
{
    public static readonly GzipCodec Instance = new();

    private const int ReadBytes = 16 * 1024;

    /// <summary>Header and trailer of the smallest member.</summary>
    private const int MemberOverheadBytes = 18;

    public CompressionType Type => CompressionType.Gzip;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination)
    {
        if (source.IsEmpty)
        {
            // The base library writes no member at all for nothing, which no other reader takes for gzip.
            destination.Write(EmptyMember);
            return;
        }
        using var gzip = new GZipStream(new BufferWriterStream(destination), CompressionLevel.Optimal);
        gzip.Write(source);
    }

    private static ReadOnlySpan<byte> EmptyMember => [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    public unsafe void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        if (source.Length < MemberOverheadBytes)
            throw new InvalidDataException("The block is too short for gzip.");
        uint expanded;
        fixed (byte* start = source)
        {
            using var block = new UnmanagedMemoryStream(start, source.Length);
            using var gzip = new GZipStream(block, CompressionMode.Decompress);
            expanded = CopyBounded(gzip, destination, maxBytes);
        }
        // GZipStream takes a missing end for an end; the length in the trailer tells them apart.
        if (expanded != BinaryPrimitives.ReadUInt32LittleEndian(source[^sizeof(uint)..]))
            throw new InvalidDataException("The gzip block is cut off.");
    }

    private static uint CopyBounded(GZipStream gzip, IBufferWriter<byte> destination, int maxBytes)
    {
        var expanded = 0;
        while (true)
        {
            var count = gzip.Read(destination.GetSpan(ReadBytes));
            if (count == 0)
                return (uint)expanded;
            if (count > maxBytes - expanded)
                throw new InvalidDataException($"The gzip block expands beyond {maxBytes} bytes.");
            destination.Advance(count);
            expanded += count;
        }
    }
}
