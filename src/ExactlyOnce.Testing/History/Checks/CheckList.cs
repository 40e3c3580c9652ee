using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// All checks, by what they listen to. The order of absence checks is their precedence: the first that judges a missing record names the invariant.
/// </summary>
internal sealed class CheckList
{
    public CheckList(HistoryTables tables, Report report)
    {
        Genuine = new Genuine(tables, report);
        object[] checks =
        [
            Genuine, new OneValuePerOffset(tables, report), new NoDuplicate(tables, report), new NoAbortedRead(tables, report), new ProducerOrder(tables, report),
            new IdempotentAnswer(tables, report), new Fencing(tables, report), new CompactionKeepsNewest(tables, report), new NoHoleAfterCrash(tables, report),
            new NoLoss(tables, report), new Atomic(tables, report), new Prefix(tables, report), new AbsentRecords(tables, this), new BoundedRead(tables, report),
            new OffsetsRegister(tables, report), new ExactlyOnceTransform(tables, report), new FailStop(tables, report), new SnapshotIsolation(tables, report),
            new TimeQuery(tables, report), new Ownership(tables, report), new Liveness(tables, report), new RepeatableRecovery(report), new DerivedState(report), new ResourceBound(report),
        ];
        Writing = [.. checks.OfType<IWritingCheck>()];
        Writes = [.. checks.OfType<IWriteCheck>()];
        Records = [.. checks.OfType<IRecordCheck>()];
        Reads = [.. checks.OfType<IReadCheck>()];
        Absences = [.. checks.OfType<IAbsenceCheck>()];
        Calls = [.. checks.OfType<ICallCheck>()];
        Fates = [.. checks.OfType<IFateCheck>()];
        Visible = [.. checks.OfType<IVisibleCheck>()];
        Facts = [.. checks.OfType<IFactCheck>()];
        Ends = [.. checks.OfType<IEndCheck>()];
    }

    public Genuine Genuine { get; }

    public IWritingCheck[] Writing { get; }

    public IWriteCheck[] Writes { get; }

    public IRecordCheck[] Records { get; }

    public IReadCheck[] Reads { get; }

    public IAbsenceCheck[] Absences { get; }

    public ICallCheck[] Calls { get; }

    public IFateCheck[] Fates { get; }

    public IVisibleCheck[] Visible { get; }

    public IFactCheck[] Facts { get; }

    public IEndCheck[] Ends { get; }
}
