using System.Buffers;
using System.Buffers.Binary;
using Snappier;

namespace ExactlyOnce.Compression;

/// <summary>
/// Snappy: written as one raw block, which every client reads; read in that form and in the chunks that Java's library frames (the "xerial" format).
/// </summary>
internal sealed class SnappyCodec : ICompressionCodec
{
    /// <summary>
    /// No element of a block, two bytes or more, produces more than this for each of them: a length that is larger in proportion is a lie, and takes no memory.
    /// </summary>
    private const int ExpansionMax = 64;

    /// <summary>Behind the magic: two version numbers.</summary>
    private const int VersionBytes = 2 * sizeof(int);

    private static ReadOnlySpan<byte> XerialMagic => [0x82, (byte)'S', (byte)'N', (byte)'A', (byte)'P', (byte)'P', (byte)'Y', 0];

    public CompressionType Type => CompressionType.Snappy;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination)
    {
        var room = destination.GetSpan(Snappy.GetMaxCompressedLength(source.Length));
        destination.Advance(Snappy.Compress(source, room));
    }

    public void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        if (!source.StartsWith(XerialMagic))
        {
            DecompressRaw(source, destination, maxBytes);
            return;
        }
        if (source.Length < XerialMagic.Length + VersionBytes)
            throw new InvalidDataException("The snappy block is cut off.");
        source = source[(XerialMagic.Length + VersionBytes)..];
        while (!source.IsEmpty)
        {
            if (source.Length < sizeof(int) || BinaryPrimitives.ReadInt32BigEndian(source) is var length && (length < 0 || length > source.Length - sizeof(int)))
                throw new InvalidDataException("The snappy block is cut off.");
            maxBytes -= DecompressRaw(source.Slice(sizeof(int), length), destination, maxBytes);
            source = source[(sizeof(int) + length)..];
        }
    }

    private static int DecompressRaw(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        var expanded = Snappy.GetUncompressedLength(source);
        if (expanded < 0 || expanded > maxBytes)
            throw new InvalidDataException($"The snappy block expands beyond {maxBytes} bytes.");
        if (expanded > (long)source.Length * ExpansionMax)
            throw new InvalidDataException("The snappy block announces more than its bytes can hold.");
        if (!Snappy.TryDecompress(source, destination.GetSpan(expanded), out var written) || written != expanded)
            throw new InvalidDataException("The snappy block is damaged.");
        destination.Advance(written);
        return written;
    }
}
