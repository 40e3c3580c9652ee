namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// The bytes of a file at one of the two places, in pages that copies share until one of them writes: a crash copies a disk for the price of its names. Pages
/// of zeros take no memory, so a journal file that is zeroed ahead costs nothing.
/// </summary>
internal sealed class FileImage
{
    private const int PageBytes = 4096;

    private byte[]?[] _pages = [];
    private bool[] _isOwn = [];
    private bool _isShared;

    public long Length { get; private set; }

    /// <summary>The same bytes, to be changed independently.</summary>
    public FileImage Copy()
    {
        _isShared = true;
        return new FileImage { _pages = _pages, _isShared = true, Length = Length };
    }

    /// <summary>Reads what there is; answers how much.</summary>
    public int Read(long position, Span<byte> target)
    {
        var count = (int)Math.Clamp(Length - position, 0, target.Length);
        for (var done = 0; done < count;)
        {
            var (page, at) = Locate(position + done);
            var part = Math.Min(PageBytes - at, count - done);
            if (page < _pages.Length && _pages[page] is { } bytes)
                bytes.AsSpan(at, part).CopyTo(target[done..]);
            else
                target.Slice(done, part).Clear();
            done += part;
        }
        return count;
    }

    public void Write(long position, ReadOnlySpan<byte> source)
    {
        if (!source.IsEmpty && position + source.Length > Length)
            SetLength(position + source.Length);
        while (!source.IsEmpty)
        {
            var (page, at) = Locate(position);
            var part = source[..Math.Min(PageBytes - at, source.Length)];
            if (_pages[page] is not null || part.ContainsAnyExcept((byte)0))
                part.CopyTo(Own(page, isOverwritten: part.Length == PageBytes).AsSpan(at));
            source = source[part.Length..];
            position += part.Length;
        }
    }

    public void SetLength(long length)
    {
        var pages = checked((int)((length + PageBytes - 1) / PageBytes));
        if (pages > _pages.Length)
            Resize(Math.Max(pages, _pages.Length * 2));
        if (length < Length)
            Cut(length, pages);
        Length = length;
    }

    public void Xor(long position, byte mask)
    {
        var (page, at) = Locate(position);
        SetLength(Math.Max(Length, position + 1));
        Own(page)[at] ^= mask;
    }

    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        Read(0, bytes);
        return bytes;
    }

    /// <summary>Mixes length and contents into a fingerprint.</summary>
    public ulong AddTo(ulong fingerprint)
    {
        fingerprint = Fingerprint.Add(fingerprint, (ulong)Length);
        for (var page = 0; page < _pages.Length; page++)
            if (_pages[page] is { } bytes && bytes.AsSpan().ContainsAnyExcept((byte)0))
                fingerprint = Fingerprint.Add(Fingerprint.Add(fingerprint, (ulong)page), bytes);
        return fingerprint;
    }

    private static (int Page, int At) Locate(long position) => ((int)(position / PageBytes), (int)(position % PageBytes));

    private void Cut(long length, int pages)
    {
        Unshare();
        for (var page = pages; page < _pages.Length; page++)
            _pages[page] = null;
        var (last, at) = Locate(length);
        if (at > 0 && _pages[last] is not null)
            Own(last).AsSpan(at).Clear();
    }

    private byte[] Own(int page, bool isOverwritten = false)
    {
        Unshare();
        if (_isOwn[page] && _pages[page] is { } own)
            return own;
        _isOwn[page] = true;
        var bytes = GC.AllocateUninitializedArray<byte>(PageBytes);
        if (_pages[page] is { } shared)
            shared.CopyTo(bytes, 0);
        else if (!isOverwritten)
            bytes.AsSpan().Clear();
        return _pages[page] = bytes;
    }

    private void Unshare()
    {
        if (_isShared)
            Resize(_pages.Length);
    }

    private void Resize(int pages)
    {
        var table = new byte[]?[pages];
        _pages.CopyTo(table, 0);
        var isOwn = new bool[pages];
        if (!_isShared)
            _isOwn.CopyTo(isOwn, 0);
        (_pages, _isOwn, _isShared) = (table, isOwn, false);
    }
}
