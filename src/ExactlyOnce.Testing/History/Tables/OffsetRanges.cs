namespace ExactlyOnce.Testing.History.Tables;

/// <summary>Which offsets have been read: ranges, merged as they meet; one range when everybody reads from the start.</summary>
internal sealed class OffsetRanges
{
    private readonly List<(long From, long To)> _ranges = [];

    public bool Contains(long offset)
    {
        foreach (var (from, to) in _ranges)
        {
            if (offset < from)
                return false;
            if (offset < to)
                return true;
        }
        return false;
    }

    public void Add(long from, long to)
    {
        if (from >= to)
            return;
        var first = _ranges.FindIndex(range => range.To >= from);
        if (first < 0)
        {
            _ranges.Add((from, to));
            return;
        }
        var last = first;
        while (last < _ranges.Count && _ranges[last].From <= to)
        {
            (from, to) = (Math.Min(from, _ranges[last].From), Math.Max(to, _ranges[last].To));
            last++;
        }
        _ranges.RemoveRange(first, last - first);
        _ranges.Insert(first, (from, to));
    }

    public void CutAt(long end)
    {
        for (var index = _ranges.Count - 1; index >= 0; index--)
        {
            var (from, to) = _ranges[index];
            if (from >= end)
                _ranges.RemoveAt(index);
            else if (to > end)
                _ranges[index] = (from, end);
        }
    }
}
