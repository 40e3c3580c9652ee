using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ExactlyOnce.Diagnostics;

/// <summary>What storage counts that may happen before there is a broker.</summary>
internal static class StorageMeter
{
    private static readonly Counter<long> s_corruptionDetected = ClientMeter.Meter.CreateCounter<long>(
        TelemetryNames.StorageCorruptionDetected, "{error}", "Bytes on disk that were found damaged, by an opening, a reader or a compaction; the log names file and position.");

    public static void RecordCorruption() => s_corruptionDetected.TryAdd(1, new TagList { { TelemetryNames.SystemName, TelemetryNames.System } });
}
