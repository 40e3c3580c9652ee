namespace ExactlyOnce.Kafka.Endpoint;

/// <summary>The broker's errors as the protocol's numbers.</summary>
internal static class KafkaErrors
{
    /// <summary>The broker's own numbers, which no client knows, begin here.</summary>
    private const int FirstOwnNumber = 10_000;

    public static KafkaError ToKafka(this ErrorCode code) => code switch
    {
        ErrorCode.TransactionTimedOut => KafkaError.InvalidProducerEpoch,
        ErrorCode.DamagedStorage or ErrorCode.DiskFull or ErrorCode.DirectoryInUse or ErrorCode.OutcomeUnknown => KafkaError.KafkaStorageError,
        // A client takes this for a broker that is going away, and comes back.
        ErrorCode.BrokerClosed => KafkaError.NotLeaderOrFollower,
        >= (ErrorCode)FirstOwnNumber => KafkaError.UnknownServerError,
        _ => (KafkaError)code,
    };

    public static KafkaError ToKafka(this BrokerException exception) => exception.Code.ToKafka();
}
