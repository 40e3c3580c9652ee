using System.Diagnostics;
using System.Globalization;

namespace ExactlyOnce.Diagnostics;

/// <summary>The activity source, and the spans of producers. A record carries the trace only when a listener samples its span.</summary>
internal static class ClientActivity
{
    public const string TraceParentHeader = "traceparent";
    public const string TraceStateHeader = "tracestate";

    public static readonly ActivitySource Source = new(new ActivitySourceOptions(TelemetryNames.Source) { TelemetrySchemaUrl = TelemetryNames.SchemaUrl });

    public static bool IsListening => Source.HasListeners();

    /// <summary>Begins the span <c>send topic</c>; null when nobody samples it.</summary>
    public static Activity? StartSend(string topic) => Source.StartActivity(
        ActivityKind.Producer,
        tags:
        [
            new(TelemetryNames.SystemName, TelemetryNames.System),
            new(TelemetryNames.OperationName, TelemetryNames.Send),
            new(TelemetryNames.OperationType, TelemetryNames.Send),
            new(TelemetryNames.DestinationName, topic),
        ],
        name: $"{TelemetryNames.Send} {topic}");

    /// <summary>The record with the span's identity in its headers, for whoever reads it to link to.</summary>
    public static ProducerRecord<TKey, TValue> Inject<TKey, TValue>(Activity? activity, in ProducerRecord<TKey, TValue> record)
    {
        if (activity is not { Recorded: true, IdFormat: ActivityIdFormat.W3C, Id: { } id })
            return record;
        var headers = (record.Headers ?? RecordHeaders.Empty).With(TraceParentHeader, id);
        if (activity.TraceStateString is { Length: > 0 } state)
            headers = headers.With(TraceStateHeader, state);
        return record with { Headers = headers };
    }

    public static void SetPlace(Activity? activity, in RecordMetadata metadata)
    {
        if (activity is null)
            return;
        activity.SetTag(TelemetryNames.DestinationPartitionId, metadata.TopicPartition.Partition.ToString(CultureInfo.InvariantCulture));
        if (metadata.Offset is { } offset)
            activity.SetTag(TelemetryNames.Offset, offset);
    }

    public static void SetFailure(Activity? activity, Exception exception)
    {
        if (activity is null)
            return;
        activity.SetTag(TelemetryNames.ErrorType, TelemetryNames.ErrorTypeOf(exception));
        activity.SetStatus(ActivityStatusCode.Error, exception.Message);
    }
}
