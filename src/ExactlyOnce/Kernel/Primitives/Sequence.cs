namespace ExactlyOnce.Kernel.Primitives;

/// <summary>Record sequence numbers of a producer on one partition: int32, from 0, wrapping from <see cref="int.MaxValue"/> back to 0.</summary>
internal static class Sequence
{
    public const int None = -1;

    /// <summary>The sequence <paramref name="delta"/> records after <paramref name="sequence"/> (Kafka: DefaultRecordBatch.incrementSequence).</summary>
    public static int Add(int sequence, int delta) =>
        sequence > int.MaxValue - delta ? delta - (int.MaxValue - sequence) - 1 : sequence + delta;

    /// <summary>The first sequence that may follow <paramref name="last"/>.</summary>
    public static int Next(int last) => last == int.MaxValue ? 0 : last + 1;
}
