using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

// What a check can listen to. A check implements what it needs; HistoryChecker calls it in the order in which its list names the checks. The shared tables know
// what happened before; of the event itself they know what the interface says.

/// <summary>Writes that are called. The tables know the row.</summary>
internal interface IWritingCheck
{
    void Writing(int row, Write write);
}

/// <summary>Writes that are answered. The tables do not know the answer yet.</summary>
internal interface IWriteCheck
{
    /// <summary>A write, or a retry of it, was acknowledged at an offset.</summary>
    void Acknowledged(RunningCall call, int row, WriteAnswer answer);
}

/// <summary>Records that are read. The tables do not know the record yet.</summary>
internal interface IRecordCheck
{
    void Read(Reading reading, in ReadRecord record, int row);
}

/// <summary>Reads as a whole: each partition when the tables know its records, then the answer.</summary>
internal interface IReadCheck
{
    void Ended(Reading reading)
    {
    }

    void Answered(RunningCall call, IReadOnlyList<Reading> readings)
    {
    }
}

/// <summary>A record that a reader went past without being given it, and should perhaps have been. The first check that answers true has judged it.</summary>
internal interface IAbsenceCheck
{
    bool Judges(Reading reading, long offset, int row);
}

/// <summary>Calls other than writes and reads. The tables know the answer.</summary>
internal interface ICallCheck
{
    void Called(RunningCall call)
    {
    }

    void Answered(RunningCall call, Completed completed);
}

/// <summary>What becomes of transactions. The tables know it.</summary>
internal interface IFateCheck
{
    /// <summary>A commit was asked for, and no other one is possible.</summary>
    void CommitAsked(TransactionRow transaction)
    {
    }

    void Committed(TransactionRow transaction)
    {
    }

    /// <summary>It is known to be aborted, or no commit of it can still succeed.</summary>
    void Aborted(TransactionRow transaction)
    {
    }

    /// <summary>A read_committed reader has seen it for the first time: it must have committed.</summary>
    void Seen(TransactionRow transaction)
    {
    }
}

/// <summary>A write that is now known to be there for read_committed readers: acknowledged and committed, or seen. Told at least once.</summary>
internal interface IVisibleCheck
{
    void Visible(int row);
}

/// <summary>Facts. The tables know them.</summary>
internal interface IFactCheck
{
    void Observed(Fact fact);
}

/// <summary>The history is complete.</summary>
internal interface IEndCheck
{
    void Ended();
}
