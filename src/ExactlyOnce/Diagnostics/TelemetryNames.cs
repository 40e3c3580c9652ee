namespace ExactlyOnce.Diagnostics;

/// <summary>
/// Every name this library gives to OpenTelemetry, in one place: the semantic conventions of version 1.45 and, under <c>exactlyonce.</c>, our own. Names of the
/// conventions may change in minor versions until those are stable; the changelog lists every change.
/// </summary>
internal static class TelemetryNames
{
    /// <summary>The name of the meter and of the activity source.</summary>
    public const string Source = "ExactlyOnce";

    /// <summary>The name of the meter of the packages that end pipelines in stores.</summary>
    public const string SinksSource = "ExactlyOnce.Sinks";
    public const string SchemaUrl = "https://opentelemetry.io/schemas/1.45.0";

    // Attributes
    public const string SystemName = "messaging.system.name";
    public const string OperationName = "messaging.operation.name";
    public const string OperationType = "messaging.operation.type";
    public const string DestinationName = "messaging.destination.name";
    public const string DestinationPartitionId = "messaging.destination.partition.id";
    public const string ConsumerGroupName = "messaging.consumer.group.name";
    public const string BatchMessageCount = "messaging.batch.message_count";
    public const string ErrorType = "error.type";
    public const string Offset = "exactlyonce.offset";
    public const string TransactionOutcome = "exactlyonce.transaction.outcome";

    // Values
    public const string System = "exactlyonce";
    public const string Send = "send";
    public const string Poll = "poll";
    public const string Process = "process";
    public const string Commit = "commit";
    public const string Receive = "receive";
    public const string Settle = "settle";

    // Instruments of the conventions
    public const string OperationDuration = "messaging.client.operation.duration";
    public const string SentMessages = "messaging.client.sent.messages";
    public const string ConsumedMessages = "messaging.client.consumed.messages";
    public const string ProcessDuration = "messaging.process.duration";

    // Our own instruments
    public const string ConsumerLag = "exactlyonce.consumer.lag";
    public const string LastStableOffsetLag = "exactlyonce.partition.last_stable_offset.lag";
    public const string TransactionDuration = "exactlyonce.transaction.duration";
    public const string TransactionOpen = "exactlyonce.transaction.open";
    public const string TransactionOldestOpenAge = "exactlyonce.transaction.oldest_open.age";
    public const string DuplicatesRejected = "exactlyonce.producer.duplicates_rejected";
    public const string ProducerFenced = "exactlyonce.producer.fenced";
    public const string GroupMembers = "exactlyonce.group.members";
    public const string GroupRebalanceDuration = "exactlyonce.group.rebalance.duration";
    public const string HandlerRetries = "exactlyonce.handler.retries";
    public const string HandlerDeadLettered = "exactlyonce.handler.dead_lettered";
    public const string SinkDuplicatesSkipped = "exactlyonce.sink.duplicates_skipped";
    public const string StorageSize = "exactlyonce.storage.size";
    public const string StorageSyncDuration = "exactlyonce.storage.fsync.duration";
    public const string StorageRecoveryDuration = "exactlyonce.storage.recovery.duration";
    public const string StorageCorruptionDetected = "exactlyonce.storage.corruption.detected";

    /// <summary>The buckets the conventions give for durations, in seconds.</summary>
    public static readonly IReadOnlyList<double> DurationBuckets =
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    /// <summary>
    /// The value of <c>error.type</c>: the error's name as Kafka spells it, for example <c>PRODUCER_FENCED</c>; for other exceptions their type.
    /// </summary>
    public static string ErrorTypeOf(Exception exception) =>
        exception is BrokerException broker ? ToUpperSnakeCase(broker.Code.ToString()) : exception.GetType().FullName ?? exception.GetType().Name;

    private static string ToUpperSnakeCase(string name)
    {
        var text = new global::System.Text.StringBuilder(name.Length + 8);
        foreach (var letter in name)
        {
            if (char.IsAsciiLetterUpper(letter) && text.Length > 0)
                text.Append('_');
            text.Append(char.ToUpperInvariant(letter));
        }
        return text.ToString();
    }
}
