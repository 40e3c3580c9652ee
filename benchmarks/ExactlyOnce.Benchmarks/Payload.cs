using System.Buffers;

namespace ExactlyOnce.Benchmarks;

/// <summary>100-byte values whose serde copies nothing out: it reads the length, so that only the broker's own allocations are counted.</summary>
internal static class Payload
{
    public const int Bytes = 100;

    private static readonly byte[] s_value = [.. Enumerable.Range(0, Bytes).Select(i => (byte)i)];

    public static readonly ISerde<int> Serde = Serdes.Create<int>(
        static (value, destination) => destination.Write(s_value.AsSpan(0, value)),
        static source => source.Length);

    public static ReadOnlySpan<byte> Value => s_value;

    public static ReadOnlyMemory<byte> Memory => s_value;
}
