using System.Buffers;
using K4os.Compression.LZ4.Streams;
using K4os.Compression.LZ4.Streams.Frames;

namespace ExactlyOnce.Compression;

/// <summary>LZ4 in its frame format, as Kafka has it since message format 2. A decoder keeps one block, at most 4 MiB, whatever a frame announces.</summary>
internal sealed class Lz4Codec : ICompressionCodec
{
    private const int ReadBytes = 16 * 1024;

    /// <summary>Magic, flags, block size, checksum of the header and the mark of the end.</summary>
    private const int FrameOverheadBytes = 11;

    public CompressionType Type => CompressionType.Lz4;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination) => LZ4Frame.Encode(source, destination);

    public unsafe void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        if (source.Length < FrameOverheadBytes)
            throw new InvalidDataException("The block is too short for LZ4.");
        fixed (byte* start = source)
        {
            using var block = new UnmanagedMemoryStream(start, source.Length);
            try
            {
                using var frame = LZ4Frame.Decode(block, leaveOpen: true);
                CopyBounded(frame, destination, maxBytes);
            }
            catch (Exception exception) when (exception is not (InvalidDataException or OutOfMemoryException))
            {
                // The library has several ways to say it.
                throw new InvalidDataException($"The LZ4 block is damaged: {exception.Message}", exception);
            }
            if (block.Position != block.Length)
                throw new InvalidDataException("Bytes follow the LZ4 frame.");
        }
    }

    private static void CopyBounded(StreamLZ4FrameReader frame, IBufferWriter<byte> destination, int maxBytes)
    {
        var expanded = 0;
        while (true)
        {
            var room = destination.GetSpan(ReadBytes);
            var count = frame.ReadManyBytes(room, interactive: true);
            if (count == 0)
                return;
            if (count > maxBytes - expanded)
                throw new InvalidDataException($"The LZ4 block expands beyond {maxBytes} bytes.");
            destination.Advance(count);
            expanded += count;
        }
    }
}
