using static ExactlyOnce.Kernel.Transactions.EndAnswer;
using static ExactlyOnce.Kernel.Transactions.EpochKind;
using static ExactlyOnce.Kernel.Transactions.TransactionState;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>What EndTxn does in a state.</summary>
internal enum EndAnswer
{
    /// <summary>Decide the transaction.</summary>
    End,

    /// <summary>Nothing is open, yet the client may not know: go through an abort of nothing, for its new epoch.</summary>
    EndEmpty,

    /// <summary>Decided before, the same way: success once more.</summary>
    Retried,

    /// <summary>Being decided the same way: come back.</summary>
    Concurrent,

    /// <summary>Decided the other way, or nothing to decide.</summary>
    InvalidState,

    Fenced,
}

/// <summary>How the epoch of a V2 EndTxn relates to the current one.</summary>
internal enum EpochKind
{
    Current,

    /// <summary>The one before the bump that the same EndTxn made: its answer was lost.</summary>
    Retry,

    /// <summary>Older or newer.</summary>
    Other,
}

/// <summary>
/// EndTxn by state: Kafka's two tables (TransactionCoordinator.endTransactionWithTV1, endTransaction), to be checked by eye. A prepared transaction is ended
/// like an open one.
/// </summary>
internal static class EndTable
{
    /// <summary>V1; the epoch was found equal before.</summary>
    public static EndAnswer V1(TransactionState state, bool commit) => (state, commit) switch
    {
        (Ongoing or Prepared, _) => End,
        (PrepareCommit, true) => Concurrent,
        (PrepareCommit, false) => InvalidState,
        (PrepareAbort, true) => InvalidState,
        (PrepareAbort, false) => Concurrent,
        (CompleteCommit, true) => Retried,
        (CompleteCommit, false) => InvalidState,
        (CompleteAbort, true) => InvalidState,
        (CompleteAbort, false) => Retried,
        (Empty, _) => InvalidState,
        _ => throw NeverHeld(state),
    };

    public static EndAnswer V2(TransactionState state, bool commit, EpochKind epoch) => (state, commit, epoch) switch
    {
        (Ongoing or Prepared, _, Current) => End,
        (Ongoing or Prepared, _, _) => Fenced,

        (PrepareCommit, true, Retry) => Concurrent,
        (PrepareCommit, false, Retry) => InvalidState,
        (PrepareAbort, true, Retry) => InvalidState,
        (PrepareAbort, false, Retry) => Concurrent,
        (PrepareCommit or PrepareAbort, _, _) => Fenced,

        (CompleteCommit, true, Retry) => Retried,
        (CompleteCommit, false, Retry) => InvalidState,
        // Only the broker's own abort leads here: a client that repeats its end repeats its decision. Fenced can be recovered from, InvalidState not
        // (KAFKA-20785).
        (CompleteAbort, true, Retry) => Fenced,
        (CompleteAbort, false, Retry) => Retried,

        (CompleteCommit or CompleteAbort or Empty, true, Current) => InvalidState,
        (CompleteCommit or CompleteAbort or Empty, false, Current) => EndEmpty,
        (CompleteCommit or CompleteAbort or Empty, _, _) => Fenced,
        _ => throw NeverHeld(state),
    };

    private static InvalidOperationException NeverHeld(TransactionState state) => new($"No entry may stand in {state}.");
}
