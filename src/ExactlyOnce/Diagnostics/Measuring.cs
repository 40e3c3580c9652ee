using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ExactlyOnce.Diagnostics;

/// <summary>
/// How everything here is counted and measured. A listener runs on the stack of whoever measures, and is somebody else's code: what it throws must neither stop
/// an acknowledgement nor make one look like a failure.
/// </summary>
internal static class Measuring
{
    public static void TryAdd(this Counter<long> counter, long delta, in TagList tags)
    {
        try
        {
            counter.Add(delta, tags);
        }
        catch (Exception)
        {
            // The listener's own affair.
        }
    }

    public static void TryAdd(this UpDownCounter<long> counter, long delta, in TagList tags)
    {
        try
        {
            counter.Add(delta, tags);
        }
        catch (Exception)
        {
            // The listener's own affair.
        }
    }

    public static void TryRecord(this Histogram<double> histogram, double value, in TagList tags)
    {
        try
        {
            histogram.Record(value, tags);
        }
        catch (Exception)
        {
            // The listener's own affair.
        }
    }
}
