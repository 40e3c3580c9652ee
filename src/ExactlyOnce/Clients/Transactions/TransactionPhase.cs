namespace ExactlyOnce.Clients.Transactions;

/// <summary>How far a transaction object is. Open → Ending → Committed, Aborted, Prepared; an end that fails leads to one of the others.</summary>
internal enum TransactionPhase
{
    /// <summary>Takes records and offsets.</summary>
    Open,

    /// <summary>A commit, abort or preparation is under way.</summary>
    Ending,

    /// <summary>Takes nothing more; the commit was put off by a passing error and can be tried again.</summary>
    Sealed,

    /// <summary>Can only be aborted.</summary>
    Failed,

    Prepared,
    Committed,
    Aborted,

    /// <summary>The commit was under way when the broker failed.</summary>
    Unknown,
}
