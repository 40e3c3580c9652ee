namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Why the broker ends a transaction on its own.</summary>
internal enum AbortReason
{
    /// <summary>Too old. Its producer may abort and go on with the next.</summary>
    TimedOut,

    /// <summary>The id is fenced, whether a transaction is open or not; its producer must be created anew.</summary>
    Fenced,

    /// <summary>An operator ends an open or prepared transaction; its producer must be created anew.</summary>
    Operator,
}
