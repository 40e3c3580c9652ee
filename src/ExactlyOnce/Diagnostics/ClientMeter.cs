using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ExactlyOnce.Diagnostics;

/// <summary>The meter, and what producers count. Once per batch and not per record; a few nanoseconds when nobody listens.</summary>
internal static class ClientMeter
{
    public static readonly Meter Meter = new(new MeterOptions(TelemetryNames.Source) { TelemetrySchemaUrl = TelemetryNames.SchemaUrl });

    private static readonly TagList s_system = new() { { TelemetryNames.SystemName, TelemetryNames.System } };

    public static readonly Histogram<double> OperationDuration = CreateDuration(
        TelemetryNames.OperationDuration, "Duration of operations from the opening of a batch to its acknowledgement.");

    public static readonly Counter<long> SentMessages = Meter.CreateCounter<long>(
        TelemetryNames.SentMessages, "{message}", "Messages a producer attempted to send.");

    public static readonly Counter<long> DuplicatesRejected = Meter.CreateCounter<long>(
        TelemetryNames.DuplicatesRejected, "{batch}", "Batches that were in the log already and were not written again.");

    public static readonly Histogram<double> TransactionDuration = CreateDuration(
        TelemetryNames.TransactionDuration, "Duration of transactions from begin to end.");

    public static readonly UpDownCounter<long> TransactionOpen = Meter.CreateUpDownCounter<long>(
        TelemetryNames.TransactionOpen, "{transaction}", "Transactions that are open.");

    public static Histogram<double> CreateDuration(string name, string description) => Meter.CreateHistogram(
        name, "s", description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = TelemetryNames.DurationBuckets });

    /// <summary>Whether it is worth a reading of the clock when a batch begins.</summary>
    public static bool MeasuresSends => OperationDuration.Enabled;

    /// <summary>Whether it is worth a reading of the clock when a transaction begins.</summary>
    public static bool MeasuresTransactions => TransactionDuration.Enabled;

    /// <summary>Counts a finished batch.</summary>
    public static void RecordSend(TimeProvider time, string topic, int recordCount, long? openedAt, bool isDuplicate, BrokerException? failure)
    {
        if (!SentMessages.Enabled && !OperationDuration.Enabled && !DuplicatesRejected.Enabled)
            return;
        var tags = new TagList
        {
            { TelemetryNames.SystemName, TelemetryNames.System },
            { TelemetryNames.OperationName, TelemetryNames.Send },
            { TelemetryNames.DestinationName, topic },
        };
        if (failure is not null)
            tags.Add(TelemetryNames.ErrorType, TelemetryNames.ErrorTypeOf(failure));
        SentMessages.TryAdd(recordCount, tags);
        if (openedAt is { } beganAt)
            OperationDuration.TryRecord(time.GetElapsedTime(beganAt).TotalSeconds, tags);
        if (isDuplicate)
            DuplicatesRejected.TryAdd(1, tags);
    }

    /// <summary>Counts a transaction that was begun.</summary>
    public static void RecordTransactionOpened() => TransactionOpen.TryAdd(1, s_system);

    /// <summary>Counts a transaction that ended.</summary>
    public static void RecordTransaction(TimeProvider time, long? began, string outcome)
    {
        TransactionOpen.TryAdd(-1, s_system);
        if (began is { } beganAt)
            TransactionDuration.TryRecord(
                time.GetElapsedTime(beganAt).TotalSeconds,
                new TagList { { TelemetryNames.SystemName, TelemetryNames.System }, { TelemetryNames.TransactionOutcome, outcome } });
    }
}
