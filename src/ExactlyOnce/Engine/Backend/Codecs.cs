using ExactlyOnce.Serialization;

namespace ExactlyOnce.Engine.Backend;

/// <summary>The compression codecs of a broker: gzip, and what the host added.</summary>
internal sealed class Codecs
{
    private readonly ICompressionCodec?[] _byType = new ICompressionCodec?[Enum.GetValues<CompressionType>().Length];

    public Codecs(IEnumerable<ICompressionCodec> added)
    {
        _byType[(int)CompressionType.Gzip] = GzipCodec.Instance;
        foreach (var codec in added)
            _byType[(int)codec.Type] = codec;
    }

    public ICompressionCodec? Find(CompressionType type) => (uint)type < (uint)_byType.Length ? _byType[(int)type] : null;

    public ICompressionCodec Get(CompressionType type) => Find(type) ?? throw ErrorTable.ToException(
        ErrorCode.UnsupportedVersion, $"There is no codec for {type}. Reference ExactlyOnce.Compression and add it with BrokerOptions.Codecs.");
}
