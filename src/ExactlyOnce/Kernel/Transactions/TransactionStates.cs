using static ExactlyOnce.Kernel.Transactions.TransactionState;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// The legal transitions, as a table of predecessors (Kafka: TransactionState.VALID_PREVIOUS_STATES, with the row and the mentions of Prepared added).
/// </summary>
internal static class TransactionStates
{
    public static bool MayFollow(this TransactionState target, TransactionState from) => target switch
    {
        Empty => from is Empty or CompleteCommit or CompleteAbort,
        Ongoing => from is Ongoing or Empty or CompleteCommit or CompleteAbort,
        Prepared => from is Prepared or Ongoing or Empty or CompleteCommit or CompleteAbort,
        PrepareCommit => from is Ongoing or Prepared,
        PrepareAbort => from is Ongoing or Prepared or PrepareEpochFence or Empty or CompleteCommit or CompleteAbort,
        CompleteCommit => from is PrepareCommit,
        CompleteAbort => from is PrepareAbort,
        Dead => from is Empty or CompleteCommit or CompleteAbort,
        PrepareEpochFence => from is Ongoing,
        _ => false,
    };

    /// <summary>No transaction is open or being ended: the id may be taken over, or expire, without an abort.</summary>
    public static bool IsIdle(this TransactionState state) => state is Empty or CompleteCommit or CompleteAbort;

    /// <summary>Undecided: it can still be committed and aborted.</summary>
    public static bool IsOpen(this TransactionState state) => state is Ongoing or Prepared;

    /// <summary>Decided, markers to be written.</summary>
    public static bool IsEnding(this TransactionState state) => state is PrepareCommit or PrepareAbort;

    /// <summary>May stand in a record. Dead and PrepareEpochFence are steps on the way, never a result.</summary>
    public static bool IsRecorded(this TransactionState state) => state.IsIdle() || state.IsOpen() || state.IsEnding();
}
