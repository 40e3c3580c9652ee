namespace ExactlyOnce;

/// <summary>Which exception, and so which remedy, stands for an error code when it reaches a caller. The only place that maps one to the other.</summary>
internal static class ErrorTable
{
    public static BrokerException ToException(ErrorCode code, string message, Exception? inner = null) => code switch
    {
        ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable or ErrorCode.RebalanceInProgress
            or ErrorCode.ConcurrentTransactions or ErrorCode.OperationNotAttempted or ErrorCode.MemberIdRequired
            or ErrorCode.UnstableOffsetCommit or ErrorCode.UnreleasedInstanceId => new TransientException(code, message, inner),

        ErrorCode.TransactionTimedOut => new TransactionTimedOutException(message, inner),
        ErrorCode.TransactionAbortable => new TransactionAbortableException(message, inner, code),

        ErrorCode.ProducerFenced => new ProducerFencedException(message, inner),
        ErrorCode.InvalidProducerEpoch or ErrorCode.InvalidProducerIdMapping or ErrorCode.UnknownProducerId
            or ErrorCode.OutOfOrderSequence or ErrorCode.DuplicateSequence or ErrorCode.TransactionCoordinatorFenced
            or ErrorCode.IllegalGeneration or ErrorCode.UnknownMemberId or ErrorCode.FencedInstanceId
            or ErrorCode.FencedMemberEpoch or ErrorCode.StaleMemberEpoch
            or ErrorCode.OutcomeUnknown => new ClientInvalidatedException(code, message, inner),

        ErrorCode.StorageFailure or ErrorCode.DirectoryInUse or ErrorCode.DamagedStorage
            or ErrorCode.DiskFull or ErrorCode.CorruptMessage or ErrorCode.Unknown => new StorageException(message, inner, code),

        ErrorCode.BrokerClosed => new BrokerClosedException(message, inner),
        ErrorCode.UnknownTopicOrPartition => new UnknownTopicException(message),
        ErrorCode.InvalidTimestamp => new InvalidTimestampException(message),
        ErrorCode.None => throw new ArgumentOutOfRangeException(nameof(code), "Success is not an exception."),
        _ => new InvalidRequestException(code, message, inner),
    };
}
