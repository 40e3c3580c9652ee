using System.Buffers;

namespace ExactlyOnce;

/// <summary>Compresses and decompresses the records of a batch as one block. Implementations must be thread-safe.</summary>
public interface ICompressionCodec
{
    /// <summary>The compression this codec implements.</summary>
    CompressionType Type { get; }

    /// <summary>Writes the compressed form of <paramref name="source"/>.</summary>
    void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination);

    /// <summary>Writes the decompressed form of <paramref name="source"/>.</summary>
    /// <param name="source">The compressed block.</param>
    /// <param name="destination">Receives the decompressed bytes.</param>
    /// <param name="maxBytes">The most bytes the block may expand to; a block that would expand further is refused, so that a small input cannot exhaust
    /// memory.</param>
    /// <exception cref="InvalidDataException">The block is damaged or expands beyond <paramref name="maxBytes"/>.</exception>
    void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes);
}
