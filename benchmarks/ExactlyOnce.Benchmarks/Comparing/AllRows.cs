using ExactlyOnce.Benchmarks.Comparing.Rows;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>The comparison, in the order of its table.</summary>
internal static class AllRows
{
    public static IReadOnlyList<Row> List { get; } =
    [
        StreamRows.BatchedBesideFasterLog,
        StreamRows.BatchedBesideChannel,
        StreamRows.SinglyBesideFasterLog,
        SendRow.Row,
        IdempotenceRow.Row,
        TransactionRow.Row,
        IsolationRow.Row,
        CommitterRows.One,
        CommitterRows.SixtyFour,
        CommitterRows.Transactions,
        DurableStreamRow.Row,
        PipelineRows.InMemory,
        PipelineRows.Durable,
        CatchUpRow.Row,
        PartitionsRow.Row,
        IdleRow.Row,
        OpeningRow.Row,
        RecoveryRow.Row,
    ];
}
