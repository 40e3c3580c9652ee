using System.Diagnostics;
using System.Diagnostics.Metrics;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Tests.Clients.Producing;

namespace ExactlyOnce.Tests.Diagnostics;

/// <summary>Listeners are global to the process: these tests look only at topics of their own.</summary>
[Collection(nameof(Meters))]
public sealed class ProducerTelemetryTests
{
    [Fact]
    public async Task Sent_messages_are_counted_per_batch()
    {
        var topic = Topic.Create("telemetry-counted", Serdes.Utf8);
        var counts = new List<long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "ExactlyOnce" && instrument.Name == "messaging.client.sent.messages")
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            foreach (var tag in tags)
                if (tag.Key == "messaging.destination.name" && Equals(tag.Value, topic.Name))
                    lock (counts)
                        counts.Add(count);
        });
        listener.Start();
        await using var broker = new Broker(new FakeBackend(), new BrokerOptions());
        await using var producer = broker.CreateProducer(topic).Build();
        for (var i = 0; i < 5; i++)
            await producer.PostAsync($"{i}");
        await producer.FlushAsync();

        counts.Should().Equal(5);
    }

    [Fact]
    public async Task A_record_carries_its_trace_when_a_listener_samples_it_and_nothing_otherwise()
    {
        var backend = new FakeBackend();
        await using var broker = new Broker(backend, new BrokerOptions());
        await using var producer = broker.CreateProducer(Topic.Create("telemetry-traced", Serdes.Utf8)).Build();
        Activity? seen = null;
        using (var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "ExactlyOnce",
            Sample = (ref ActivityCreationOptions<ActivityContext> creation) =>
                creation.Name == "send telemetry-traced" ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = activity => seen = activity.DisplayName == "send telemetry-traced" ? activity : seen,
        })
        {
            ActivitySource.AddActivityListener(listener);
            await producer.SendAsync("traced");
        }
        await producer.SendAsync("untraced");

        seen!.Kind.Should().Be(ActivityKind.Producer);
        seen.GetTagItem(TelemetryNames.SystemName).Should().Be("exactlyonce");
        seen.GetTagItem(TelemetryNames.Offset).Should().Be(0L);
        var records = backend["telemetry-traced"].Records;
        records[0].Headers.GetText("traceparent").Should().Be(seen.Id);
        records[1].Headers.Should().BeEmpty();
    }

    [Fact]
    public void Error_types_are_spelled_as_Kafka_spells_them()
    {
        TelemetryNames.ErrorTypeOf(new ProducerFencedException("f")).Should().Be("PRODUCER_FENCED");
        TelemetryNames.ErrorTypeOf(new FormatException()).Should().Be("System.FormatException");
    }
}
