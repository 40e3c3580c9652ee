using System.Diagnostics;
using System.Diagnostics.Metrics;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// What a running broker tells about itself to whoever listens to the meter <c>ExactlyOnce</c>. One meter for each broker, so that nothing outlives it; looked
/// at when a listener asks, never on the path of a record.
/// </summary>
internal sealed class EngineMeter : IDisposable
{
    private static readonly KeyValuePair<string, object?> s_system = new(TelemetryNames.SystemName, TelemetryNames.System);

    private readonly BrokerEngine _engine;
    private readonly Meter _meter = new(new MeterOptions(TelemetryNames.Source) { TelemetrySchemaUrl = TelemetryNames.SchemaUrl });
    private readonly Counter<long> _fenced;
    private readonly Histogram<double> _recovery;
    private readonly Histogram<double> _sync;
    private readonly Histogram<double> _rebalance;

    public EngineMeter(BrokerEngine engine)
    {
        _engine = engine;
        _fenced = _meter.CreateCounter<long>(TelemetryNames.ProducerFenced, "{producer}", "Calls of producers that a newer one had fenced.");
        _recovery = CreateDuration(TelemetryNames.StorageRecoveryDuration, "How long opening a directory took.");
        _sync = CreateDuration(TelemetryNames.StorageSyncDuration, "How long the disk took to make a group of the journal durable.");
        _rebalance = CreateDuration(TelemetryNames.GroupRebalanceDuration, "From a change in a group to the moment when all its members have followed it.");
        _meter.CreateObservableGauge(
            TelemetryNames.ConsumerLag, () => ConsumerLags.Of(_engine), "{message}",
            "Records that each group has not committed and would be given; above 100,000 offsets their number instead, markers and aborted records included.");
        _meter.CreateObservableGauge(TelemetryNames.LastStableOffsetLag, LastStableOffsetLags, "{offset}", "High watermark less last stable offset, where they differ.");
        _meter.CreateObservableGauge(TelemetryNames.TransactionOldestOpenAge, OldestOpenAge, "s", "How long the oldest open transaction has been open.");
        _meter.CreateObservableGauge(TelemetryNames.GroupMembers, GroupMembers, "{member}", "Members of each consumer group.");
        _meter.CreateObservableGauge(TelemetryNames.StorageSize, StorageSize, "By", "Bytes in segment files and log tails.");
    }

    /// <summary>The meter itself, by which a listener tells brokers of one process apart.</summary>
    public Meter Meter => _meter;

    public void RecordSync(TimeSpan duration) => _sync.TryRecord(duration.TotalSeconds, new TagList { s_system });

    public void RecordRebalance(string group, TimeSpan duration) =>
        _rebalance.TryRecord(duration.TotalSeconds, new TagList { s_system, new(TelemetryNames.ConsumerGroupName, group) });

    public void RecordFenced() => _fenced.TryAdd(1, new TagList { s_system });

    public void RecordRecovery(TimeSpan duration) => _recovery.TryRecord(duration.TotalSeconds, new TagList { s_system });

    public void Dispose() => _meter.Dispose();

    private Histogram<double> CreateDuration(string name, string description) => _meter.CreateHistogram(
        name, "s", description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = TelemetryNames.DurationBuckets });

    private List<Measurement<long>> LastStableOffsetLags()
    {
        var lags = new List<Measurement<long>>();
        foreach (var partition in _engine.Partitions.InOrder())
        {
            var mark = partition.VisibleMark;
            if (mark.LogEnd > mark.LastStable)
                lags.Add(new Measurement<long>(
                    mark.LogEnd - mark.LastStable, s_system, new(TelemetryNames.DestinationName, partition.Name.Topic),
                    new(TelemetryNames.DestinationPartitionId, partition.Name.Partition.ToString(System.Globalization.CultureInfo.InvariantCulture))));
        }
        return lags;
    }

    private Measurement<double> OldestOpenAge()
    {
        var nowMs = _engine.NowMs;
        var oldestMs = nowMs;
        lock (_engine.State.Lock)
            foreach (var (_, entry) in _engine.State.Transactions.Entries)
                if (!entry.State.IsIdle() && entry.Current.StartMs >= 0)
                    oldestMs = Math.Min(oldestMs, entry.Current.StartMs);
        return new Measurement<double>((nowMs - oldestMs) / 1000.0, s_system);
    }

    private List<Measurement<int>> GroupMembers()
    {
        var members = new List<Measurement<int>>();
        lock (_engine.State.Lock)
            foreach (var group in _engine.State.Groups.Groups)
                members.Add(new Measurement<int>(
                    group.Consumer?.Members.Count ?? group.Classic.Members.Length, s_system, new(TelemetryNames.ConsumerGroupName, group.Id)));
        return members;
    }

    private Measurement<long> StorageSize()
    {
        var bytes = 0L;
        foreach (var partition in _engine.Partitions.InOrder())
            using (partition.Lock.Enter())
            {
                bytes += partition.Tail.SizeInBytes;
                foreach (var segment in partition.View.Segments)
                    bytes += segment.Description.SizeInBytes;
            }
        return new Measurement<long>(bytes, s_system);
    }
}
