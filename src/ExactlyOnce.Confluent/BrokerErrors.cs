namespace ExactlyOnce.Confluent;

using global::Confluent.Kafka;

/// <summary>The broker's refusals as Confluent.Kafka's errors: Kafka's numbers are the same on both sides.</summary>
internal static class BrokerErrors
{
    public static Error ToError(BrokerException exception) => exception.Code switch
    {
        ExactlyOnce.ErrorCode.ProducerFenced or ExactlyOnce.ErrorCode.InvalidProducerEpoch or ExactlyOnce.ErrorCode.TransactionTimedOut =>
            new Error(ErrorCode.Local_Fenced, exception.Message, isFatal: true),
        ExactlyOnce.ErrorCode.FencedInstanceId => new Error(ErrorCode.FencedInstanceId, exception.Message, isFatal: true),
        ExactlyOnce.ErrorCode.OutcomeUnknown => new Error(ErrorCode.Local_TimedOut, exception.Message, isFatal: false),
        ExactlyOnce.ErrorCode.BrokerClosed => new Error(ErrorCode.Local_AllBrokersDown, exception.Message, isFatal: false),
        // What the broker numbers beyond Kafka's codes is its storage.
        > (ExactlyOnce.ErrorCode)10_000 => new Error(ErrorCode.KafkaStorageError, exception.Message, isFatal: false),
        var code => new Error((ErrorCode)(int)code, exception.Message, isFatal: false),
    };

    public static KafkaException ToException(BrokerException exception)
    {
        var error = ToError(exception);
        // Whoever does not know an outcome calls again, and is told.
        return exception.Recovery == ErrorRecovery.Retry || exception.Code == ExactlyOnce.ErrorCode.OutcomeUnknown ? new KafkaRetriableException(error) : new KafkaException(error, exception);
    }

    public static Error State(string message) => new(ErrorCode.Local_State, message, isFatal: false);
}
