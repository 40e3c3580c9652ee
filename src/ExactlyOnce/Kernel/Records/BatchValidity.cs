namespace ExactlyOnce.Kernel.Records;

/// <summary>The answer of <see cref="BatchValidation"/>.</summary>
internal readonly record struct BatchValidity
{
    /// <summary>The verdict is about the batch, not about one of its records.</summary>
    public const int WholeBatch = -1;

    public BatchValidity(BatchVerdict verdict, int recordIndex = WholeBatch)
    {
        Verdict = verdict;
        RecordIndex = recordIndex;
    }

    public BatchVerdict Verdict { get; }

    /// <summary>The first record that breaks the rule, from 0; <see cref="WholeBatch"/> when it is the batch that does.</summary>
    public int RecordIndex { get; }

    /// <summary>
    /// The largest timestamp of the records, when they were read. Where the header says another, correct it
    /// (<see cref="BatchTimestamps.CorrectMaxTimestamp"/>): some clients are careless with it, and retention trusts it.
    /// </summary>
    public long? RecordsMaxTimestamp { get; init; }

    public bool IsAccepted => Verdict == BatchVerdict.Accepted;

    /// <summary>The error a client gets; numbered as Kafka answers in this case.</summary>
    public ErrorCode Error => Verdict switch
    {
        BatchVerdict.Accepted => ErrorCode.None,
        BatchVerdict.Malformed or BatchVerdict.ChecksumMismatch or BatchVerdict.DamagedRecords => ErrorCode.CorruptMessage,
        BatchVerdict.TooLarge => ErrorCode.MessageTooLarge,
        BatchVerdict.AppendTimeSet or BatchVerdict.TimestampOutOfRange => ErrorCode.InvalidTimestamp,
        _ => ErrorCode.InvalidRecord,
    };
}
