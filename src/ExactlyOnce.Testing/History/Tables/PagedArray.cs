namespace ExactlyOnce.Testing.History.Tables;

/// <summary>
/// An array over all non-negative indexes that pays only for the pages it uses: 128 elements each. Numbers given out in runs (offsets, operations, values
/// that count up inside of their coordinates) cost little more than the elements; scattered ones cost a page each.
/// </summary>
internal sealed class PagedArray<T>
    where T : unmanaged
{
    private const int PageBits = 7;
    private const int PageSize = 1 << PageBits;

    private readonly Dictionary<long, T[]> _pages = [];
    private long _lastPage = -1;
    private T[] _last = [];

    public ref T this[long index]
    {
        get
        {
            var page = index >> PageBits;
            if (page != _lastPage)
            {
                if (!_pages.TryGetValue(page, out var elements))
                    _pages.Add(page, elements = new T[PageSize]);
                (_lastPage, _last) = (page, elements);
            }
            return ref _last[index & (PageSize - 1)];
        }
    }

    /// <summary>The element, or its default when nothing near it was ever set.</summary>
    public T Peek(long index)
    {
        var page = index >> PageBits;
        if (page != _lastPage)
        {
            if (!_pages.TryGetValue(page, out var elements))
                return default;
            (_lastPage, _last) = (page, elements);
        }
        return _last[index & (PageSize - 1)];
    }

    public void Clear()
    {
        _pages.Clear();
        (_lastPage, _last) = (-1, []);
    }

    /// <summary>
    /// The first index from <paramref name="from"/> on, and before <paramref name="to"/>, whose page is in use; <paramref name="to"/> if there is none.
    /// </summary>
    public long SkipUnused(long from, long to)
    {
        var page = from >> PageBits;
        if (from >= to || _pages.ContainsKey(page))
            return Math.Min(from, to);
        if ((to - from) >> PageBits > _pages.Count)
            return Math.Min(to, _pages.Keys.Where(used => used > page).Select(used => used << PageBits).DefaultIfEmpty(to).Min());
        while (page << PageBits < to && !_pages.ContainsKey(page))
            page++;
        return Math.Min(to, page << PageBits);
    }
}
