using System.Globalization;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>What may be asked of a partition. Every step writes a value of its own.</summary>
internal abstract record PartitionStep
{
    private static long s_lastValue;

    public string Value { get; } = Interlocked.Increment(ref s_lastValue).ToString(CultureInfo.InvariantCulture);

    internal sealed record Append(int Count) : PartitionStep;

    /// <summary>With a sequence, which may be the next one, a retry, or wrong.</summary>
    internal sealed record AppendSigned(int Producer, int Sequence, int Count) : PartitionStep;

    /// <summary>In the producer's one transaction.</summary>
    internal sealed record AppendInTransaction(int Producer, int Sequence) : PartitionStep;

    internal sealed record End(int Producer, bool IsCommit) : PartitionStep;

    /// <summary>Log start, last stable offset and high watermark, as of one moment.</summary>
    internal sealed record ReadMarks : PartitionStep;

    internal sealed record Fetch(int From, bool IsCommitted) : PartitionStep;

    internal sealed record Delete(int Before) : PartitionStep;
}
