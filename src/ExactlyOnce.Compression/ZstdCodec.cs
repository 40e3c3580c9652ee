using System.Buffers;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace ExactlyOnce.Compression;

/// <summary>Zstandard frames. Contexts cost megabytes to make and are not thread-safe, so each thread keeps its own.</summary>
internal sealed class ZstdCodec : ICompressionCodec
{
    private const int Level = 3;

    /// <summary>
    /// A frame may ask its reader for a window of 8 MiB and no more, as RFC 8878 recommends: the window is memory before a byte of it is produced.
    /// </summary>
    private const int WindowLogMax = 23;

    private const int ReadBytes = 16 * 1024;

    [ThreadStatic]
    private static Compressor? t_compressor;

    [ThreadStatic]
    private static Decompressor? t_decompressor;

    public CompressionType Type => CompressionType.Zstd;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination)
    {
        var compressor = t_compressor ??= new Compressor(Level);
        var room = destination.GetSpan(Compressor.GetCompressBound(source.Length));
        destination.Advance(compressor.Wrap(source, room));
    }

    public void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        if (source.IsEmpty)
            throw new InvalidDataException("The block is too short for zstd.");
        var decompressor = t_decompressor ??= Create();
        // What follows uses it up to its end or gives it up.
        t_decompressor = null;
        try
        {
            Decompress(decompressor, source, destination, maxBytes);
            t_decompressor = decompressor;
        }
        catch (ZstdException exception)
        {
            throw new InvalidDataException($"The zstd block is damaged: {exception.Message}", exception);
        }
        finally
        {
            if (t_decompressor is null)
                decompressor.Dispose();
        }
    }

    private static Decompressor Create()
    {
        var decompressor = new Decompressor();
        decompressor.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, WindowLogMax);
        return decompressor;
    }

    private static void Decompress(Decompressor decompressor, ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        var expanded = 0;
        while (true)
        {
            var status = decompressor.UnwrapStream(source, destination.GetSpan(ReadBytes), out var consumed, out var written);
            if (status == OperationStatus.InvalidData)
                throw new InvalidDataException("The zstd block is damaged.");
            if (written > maxBytes - expanded)
                throw new InvalidDataException($"The zstd block expands beyond {maxBytes} bytes.");
            destination.Advance(written);
            expanded += written;
            source = source[consumed..];
            if (status == OperationStatus.Done && source.IsEmpty)
                return;
            if (consumed == 0 && written == 0)
                throw new InvalidDataException("The zstd block is cut off.");
        }
    }
}
