using System.Buffers;

namespace ExactlyOnce;

/// <summary>The key type of topics without keys; it has one value.</summary>
public readonly record struct NoKey
{
    internal static readonly ISerde<NoKey> Serde = new NoKeySerde();

    private sealed class NoKeySerde : ISerde<NoKey>
    {
        public void Serialize(NoKey value, IBufferWriter<byte> destination)
        {
        }

        public NoKey Deserialize(ReadOnlySpan<byte> source) => default;
    }
}
