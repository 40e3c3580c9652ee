namespace ExactlyOnce.Compression;

/// <summary>Adds Zstandard, LZ4 and Snappy to a broker, which brings gzip itself.</summary>
public static class CompressionExtensions
{
    /// <summary>Adds the three codecs.</summary>
    /// <param name="options">The options of a broker that is to be opened.</param>
    public static BrokerOptions AddCompression(this BrokerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Codecs.Add(new ZstdCodec());
        options.Codecs.Add(new Lz4Codec());
        options.Codecs.Add(new SnappyCodec());
        return options;
    }

    /// <summary>Adds the three codecs.</summary>
    /// <param name="builder">The builder of a broker.</param>
    public static BrokerBuilder AddCompression(this BrokerBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Configure(options => options.AddCompression());
    }
}
