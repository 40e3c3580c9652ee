using System.Globalization;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// What may be asked of the transaction coordinator about one transactional id. A client is named by the epoch it has; whether that is the current one, nobody
/// knows before.
/// </summary>
internal abstract record CoordinatorStep
{
    private static long s_lastValue;

    public string Value { get; } = Interlocked.Increment(ref s_lastValue).ToString(CultureInfo.InvariantCulture);

    /// <summary>Takes the id over.</summary>
    internal sealed record Init : CoordinatorStep;

    /// <summary>Writes to a partition, which enrols it.</summary>
    internal sealed record Write(int Epoch, int Partition, int Sequence) : CoordinatorStep;

    internal sealed record End(int Epoch, bool IsCommit) : CoordinatorStep;

    internal sealed record Prepare(int Epoch) : CoordinatorStep;

    /// <summary>Decides the transaction that was prepared by the client of that epoch, by its token.</summary>
    internal sealed record Resolve(int Epoch, bool IsCommit) : CoordinatorStep;

    /// <summary>What is open and what is prepared.</summary>
    internal sealed record List(bool IsPrepared) : CoordinatorStep;

    /// <summary>What a committed reader sees of a partition.</summary>
    internal sealed record Read(int Partition) : CoordinatorStep;
}
