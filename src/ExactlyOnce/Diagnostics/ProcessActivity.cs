using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Diagnostics;

/// <summary>The spans of pipelines: <c>process topic</c>, linked to the spans that sent the records.</summary>
internal static class ProcessActivity
{
    // A batch may hold thousands of records; a span with thousands of links is of use to nobody.
    private const int LinksMax = 128;

    /// <summary>Begins a span for the batch; null when nobody samples it.</summary>
    public static Activity? Start(TopicPartition partition, string group, BatchContents contents)
    {
        if (!ClientActivity.IsListening)
            return null;
        return ClientActivity.Source.StartActivity(
            ActivityKind.Consumer,
            tags:
            [
                new(TelemetryNames.SystemName, TelemetryNames.System),
                new(TelemetryNames.OperationName, TelemetryNames.Process),
                new(TelemetryNames.OperationType, TelemetryNames.Process),
                new(TelemetryNames.DestinationName, partition.Topic),
                new(TelemetryNames.DestinationPartitionId, partition.Partition.ToString(CultureInfo.InvariantCulture)),
                new(TelemetryNames.ConsumerGroupName, group),
                new(TelemetryNames.BatchMessageCount, contents.Count),
                new(TelemetryNames.Offset, contents.Slots[0].Offset),
            ],
            links: FindLinks(contents),
            name: $"{TelemetryNames.Process} {partition.Topic}");
    }

    private static List<ActivityLink> FindLinks(BatchContents contents)
    {
        var links = new List<ActivityLink>();
        for (var i = 0; i < contents.Count && links.Count < LinksMax; i++)
        {
            if (contents.Slots[i].HeaderCount == 0)
                continue;
            var headers = contents.ReadHeaders(i);
            if (ActivityContext.TryParse(
                headers.GetText(ClientActivity.TraceParentHeader), headers.GetText(ClientActivity.TraceStateHeader), isRemote: true, out var sender))
                links.Add(new ActivityLink(sender));
        }
        return links;
    }
}
