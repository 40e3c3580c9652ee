namespace ExactlyOnce;

/// <summary>How the records of a batch are compressed. The numbers are those of Kafka's record batch attributes.</summary>
public enum CompressionType
{
    /// <summary>Not compressed.</summary>
    None = 0,

    /// <summary>GZIP; built in.</summary>
    Gzip = 1,

    /// <summary>Snappy; needs an <see cref="ICompressionCodec"/> from a side package.</summary>
    Snappy = 2,

    /// <summary>LZ4 frames; needs an <see cref="ICompressionCodec"/> from a side package.</summary>
    Lz4 = 3,

    /// <summary>Zstandard; needs an <see cref="ICompressionCodec"/> from a side package.</summary>
    Zstd = 4,
}
