namespace ExactlyOnce;

/// <summary>What became of a transaction.</summary>
public enum TransactionOutcome
{
    /// <summary>Not remembered: never existed, or too long ago.</summary>
    Unknown = 0,

    /// <summary>Still open.</summary>
    Open,

    /// <summary>Prepared, waiting for its decision.</summary>
    Prepared,

    /// <summary>Committed.</summary>
    Committed,

    /// <summary>Aborted by its producer.</summary>
    Aborted,

    /// <summary>Aborted by the broker, because it was open for longer than its timeout.</summary>
    TimedOut,

    /// <summary>Aborted by the broker, because a newer producer took over its transactional id, or an operator fenced it.</summary>
    Fenced,
}
