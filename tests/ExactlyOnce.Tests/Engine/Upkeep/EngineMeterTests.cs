using System.Diagnostics.Metrics;
using ExactlyOnce.Diagnostics;

namespace ExactlyOnce.Tests.Engine.Upkeep;

[Collection(nameof(ExactlyOnce.Tests.Diagnostics.Meters))]
public sealed class EngineMeterTests
{
    private static readonly Topic<string, string> s_topic = Topic.Create("metered", Serdes.Utf8, Serdes.Utf8);

    [Fact]
    public async Task A_listener_sees_how_far_an_undecided_transaction_holds_readers_back_and_how_large_the_log_is()
    {
        var seen = new Dictionary<string, double>();
        using var listener = new MeterListener();
        await using var broker = Broker.CreateInMemory();
        await using var producer = await broker.CreateTransactionalProducerAsync("metered");
        await using var transaction = await producer.BeginTransactionAsync();
        await transaction.SendAsync(s_topic, "key", "value");
        await transaction.PrepareAsync();
        await broker.PublishAsync(s_topic, "key", "behind it");

        listener.InstrumentPublished = (instrument, to) =>
        {
            if (instrument.Meter.Name == TelemetryNames.Source)
                to.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            foreach (var tag in tags)
                if (instrument.Name == TelemetryNames.StorageSize || (tag.Value as string) == s_topic.Name)
                    seen[instrument.Name] = Math.Max(seen.GetValueOrDefault(instrument.Name), value);
        });
        listener.Start();
        listener.RecordObservableInstruments();

        seen[TelemetryNames.LastStableOffsetLag].Should().BeGreaterThan(0);
        seen[TelemetryNames.StorageSize].Should().BeGreaterThan(0);
    }
}
