using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>The kernel's verdicts as the receipts that clients get.</summary>
internal static class AppendVerdicts
{
    public static AppendReceipt ToReceipt(in AppendDecision decision, long logAppendTimeMs) => decision.Verdict switch
    {
        AppendVerdict.Append => new AppendReceipt { LogAppendTimeMs = logAppendTimeMs },
        AppendVerdict.Duplicate => new AppendReceipt
        {
            IsDuplicate = true,
            BaseOffset = decision.OriginalBaseOffset,
            Lsn = decision.Lsn,
            LogAppendTimeMs = logAppendTimeMs < 0 ? logAppendTimeMs : decision.OriginalTimestamp,
        },
        AppendVerdict.NotEnrolled => new AppendReceipt { NeedsEnrolment = true, Lsn = decision.Lsn, Verdict = decision.Verdict },
        var verdict => new AppendReceipt { Error = ToError(verdict), Lsn = decision.Lsn, Verdict = verdict, ExpectedSequence = decision.ExpectedSequence },
    };

    private static ErrorCode ToError(AppendVerdict verdict) => verdict switch
    {
        AppendVerdict.OutOfOrderSequence => ErrorCode.OutOfOrderSequence,
        AppendVerdict.InvalidProducerEpoch => ErrorCode.InvalidProducerEpoch,
        AppendVerdict.InvalidTransactionState => ErrorCode.InvalidTransactionState,
        AppendVerdict.InvalidRecord => ErrorCode.InvalidRecord,
        _ => throw new InvalidOperationException($"{verdict} is no refusal."),
    };
}
