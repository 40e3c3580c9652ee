namespace ExactlyOnce.Testing.History.Tables;

/// <summary>A number that only rises, and what was known of it at each event that a running call may still go back to.</summary>
internal sealed class RisingBound
{
    private const int PruneAt = 128;

    private readonly List<(int At, long Value)> _steps = [];

    /// <summary>The newest, or −1.</summary>
    public long Value => _steps.Count == 0 ? -1 : _steps[^1].Value;

    public void Raise(int at, long value, int oldestCall)
    {
        if (value <= Value)
            return;
        if (_steps.Count >= PruneAt)
            Prune(oldestCall);
        _steps.Add((at, value));
    }

    /// <summary>What was known before an event; −1 when nothing was, or when it is so long ago that it was forgotten.</summary>
    public long AsOf(int at)
    {
        var low = 0;
        var high = _steps.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_steps[middle].At < at)
                low = middle + 1;
            else
                high = middle;
        }
        return low == 0 ? -1 : _steps[low - 1].Value;
    }

    /// <summary>It was allowed to fall: what was known above is forgotten.</summary>
    public void Lower(long value) => _steps.RemoveAll(step => step.Value > value);

    private void Prune(int oldestCall)
    {
        var keep = _steps.FindIndex(step => step.At >= oldestCall);
        var dropped = keep < 0 ? _steps.Count - 1 : keep - 1;
        if (dropped > 0)
            _steps.RemoveRange(0, dropped);
    }
}
