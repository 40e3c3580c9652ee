namespace ExactlyOnce.Clients.Wire;

/// <summary>What request versions are told that do not know an error yet.</summary>
internal static class WireErrors
{
    /// <summary>InitProducerId before version 4, AddPartitionsToTxn, AddOffsetsToTxn and EndTxn before 2.</summary>
    public static ErrorCode BeforeProducerFenced(ErrorCode error) => error == ErrorCode.ProducerFenced ? ErrorCode.InvalidProducerEpoch : error;

    /// <summary>Produce before version 11, TxnOffsetCommit before 4.</summary>
    public static ErrorCode BeforeTransactionAbortable(ErrorCode error) => error == ErrorCode.TransactionAbortable ? ErrorCode.InvalidTransactionState : error;
}
