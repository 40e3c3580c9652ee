namespace ExactlyOnce.Engine.Disk;

/// <summary>The contents of a file of <see cref="MemoryDisk"/>, in pages made on demand: a hole costs nothing and reads as zeros.</summary>
internal sealed class MemoryFile
{
    private const int PageBytes = 64 * 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<long, byte[]> _pages = [];
    private long _length;

    public long Length
    {
        get
        {
            lock (_lock)
                return _length;
        }
    }

    public int Read(long position, Span<byte> buffer)
    {
        lock (_lock)
        {
            var count = (int)Math.Clamp(_length - position, 0, buffer.Length);
            for (var done = 0; done < count;)
            {
                var (page, at) = Math.DivRem(position + done, PageBytes);
                var part = (int)Math.Min(PageBytes - at, count - done);
                if (_pages.TryGetValue(page, out var bytes))
                    bytes.AsSpan((int)at, part).CopyTo(buffer[done..]);
                else
                    buffer.Slice(done, part).Clear();
                done += part;
            }
            return count;
        }
    }

    public void Write(long position, ReadOnlySpan<byte> source)
    {
        lock (_lock)
        {
            for (var done = 0; done < source.Length;)
            {
                var (page, at) = Math.DivRem(position + done, PageBytes);
                var part = (int)Math.Min(PageBytes - at, source.Length - done);
                if (!_pages.TryGetValue(page, out var bytes))
                    bytes = _pages[page] = new byte[PageBytes];
                source.Slice(done, part).CopyTo(bytes.AsSpan((int)at));
                done += part;
            }
            _length = Math.Max(_length, position + source.Length);
        }
    }

    public void SetLength(long length)
    {
        lock (_lock)
        {
            if (length < _length)
                DropFrom(length);
            _length = length;
        }
    }

    /// <summary>What is cut off must read as zeros should the file grow again.</summary>
    private void DropFrom(long length)
    {
        var (last, at) = Math.DivRem(length, PageBytes);
        for (var page = last + 1; page * PageBytes < _length; page++)
            _pages.Remove(page);
        if (_pages.TryGetValue(last, out var bytes))
            bytes.AsSpan((int)at).Clear();
    }
}
