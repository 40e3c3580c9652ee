using System.Diagnostics.Metrics;
using ExactlyOnce.Diagnostics;

namespace ExactlyOnce.Tests.Diagnostics;

/// <summary>
/// Hears everything that the meter ExactlyOnce says while it lives. Meters are global to the process: a test keeps to what can only be its own.
/// </summary>
internal sealed class MeterRecorder : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly List<Heard> _heard = [];
    private readonly HashSet<Instrument> _published = [];

    public MeterRecorder()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name != TelemetryNames.Source)
                return;
            lock (_heard)
                _published.Add(instrument);
            listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Hear(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Hear(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Hear(instrument, value, tags));
        _listener.Start();
    }

    public IReadOnlyList<Instrument> Published
    {
        get
        {
            lock (_heard)
                return [.. _published];
        }
    }

    /// <summary>What was said under a name, with all of these tags.</summary>
    public List<Heard> Of(string name, params string[] tagValues)
    {
        lock (_heard)
            return [.. _heard.Where(heard => heard.Instrument.Name == name && tagValues.All(heard.Tags.Values.Contains))];
    }

    /// <summary>What a gauge says now.</summary>
    public double? Gauge(string name, params string[] tagValues)
    {
        lock (_heard)
            _heard.RemoveAll(heard => heard.Instrument.Name == name);
        _listener.RecordObservableInstruments();
        return Of(name, tagValues) is [.., var last] ? last.Value : null;
    }

    public void Dispose() => _listener.Dispose();

    private void Hear(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var heard = new Heard(instrument, value, [], System.Environment.CurrentManagedThreadId);
        foreach (var tag in tags)
            heard.Tags[tag.Key] = tag.Value?.ToString() ?? "";
        lock (_heard)
            _heard.Add(heard);
    }

    internal sealed record Heard(Instrument Instrument, double Value, Dictionary<string, string> Tags, int ThreadId);
}
