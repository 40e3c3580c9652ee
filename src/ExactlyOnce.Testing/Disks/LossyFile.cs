using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// A file of <see cref="LossyDisk"/>: the device's file, and in this process's memory the pages that were written and not synced. Not thread-safe; its disk
/// locks.
/// </summary>
internal sealed class LossyFile(IDisk device, string devicePath) : LossyNode
{
    private const int PageBytes = 4096;
    private const int SectorBytes = 512;

    private readonly SortedDictionary<long, byte[]> _dirty = [];
    private IDiskFile? _file;
    private int _handles;
    private long _length = -1;

    /// <summary>Bytes of the device's file that are still this file's: a truncation that was not synced hides the rest.</summary>
    private long _deviceEnd = -1;

    /// <summary>Where the device has the file: under its name, or in limbo while its name is not durable.</summary>
    public string DevicePath { get; set; } = devicePath;

    public long Length
    {
        get
        {
            Load();
            return _length;
        }
    }

    /// <summary>Opens the device's file at once: its name may be gone before the first read.</summary>
    public void AddHandle()
    {
        Load();
        _handles++;
    }

    public void ReleaseHandle()
    {
        _handles--;
        CloseDeviceWhenUnused();
    }

    public int Read(long position, Span<byte> buffer)
    {
        Load();
        var count = (int)Math.Clamp(_length - position, 0, buffer.Length);
        for (var done = 0; done < count;)
        {
            var (page, at) = Math.DivRem(position + done, PageBytes);
            var part = buffer.Slice(done, (int)Math.Min(PageBytes - at, count - done));
            if (_dirty.TryGetValue(page, out var bytes))
                bytes.AsSpan((int)at, part.Length).CopyTo(part);
            else
                ReadDevice(position + done, part);
            done += part.Length;
        }
        return count;
    }

    public void Write(long position, ReadOnlySpan<byte> source)
    {
        Load();
        for (var done = 0; done < source.Length;)
        {
            var (page, at) = Math.DivRem(position + done, PageBytes);
            var part = (int)Math.Min(PageBytes - at, source.Length - done);
            source.Slice(done, part).CopyTo(Dirty(page).AsSpan((int)at));
            done += part;
        }
        _length = Math.Max(_length, position + source.Length);
    }

    public void SetLength(long length)
    {
        Load();
        if (length < _length)
        {
            foreach (var page in _dirty.Keys.Where(page => page * PageBytes >= length).ToArray())
                _dirty.Remove(page);
            if (_dirty.TryGetValue(length / PageBytes, out var last))
                last.AsSpan((int)(length % PageBytes)).Clear();
            _deviceEnd = Math.Min(_deviceEnd, length);
        }
        _length = length;
    }

    /// <summary>Everything reaches the device's file; a kill in the middle leaves part of it there, as a power cut does.</summary>
    public void Sync()
    {
        Load();
        CutDevice();
        foreach (var (page, bytes) in _dirty)
            WriteDevice(page, bytes, PageBytes);
        _dirty.Clear();
        if (_file!.Length != _length)
            _file.SetLength(_length);
        _deviceEnd = _length;
        CloseDeviceWhenUnused();
    }

    /// <summary>
    /// As the kernel's write-back may at any time: some of what was not synced reaches the device, in no order, the last page perhaps in part.
    /// </summary>
    public void WriteBackSome(Random random)
    {
        if (_dirty.Count == 0)
            return;
        Load();
        CutDevice();
        foreach (var page in _dirty.Keys.Where(_ => random.Next(3) == 0).ToArray())
        {
            if (random.Next(8) == 0)
                WriteDevice(page, _dirty[page], SectorBytes * random.Next(PageBytes / SectorBytes));
            else if (_dirty.Remove(page, out var bytes))
                WriteDevice(page, bytes, PageBytes);
        }
        CloseDeviceWhenUnused();
    }

    private byte[] Dirty(long page)
    {
        if (_dirty.TryGetValue(page, out var bytes))
            return bytes;
        bytes = new byte[PageBytes];
        ReadDevice(page * PageBytes, bytes);
        return _dirty[page] = bytes;
    }

    private void ReadDevice(long position, Span<byte> buffer)
    {
        var count = (int)Math.Clamp(_deviceEnd - position, 0, buffer.Length);
        buffer[count..].Clear();
        if (count > 0)
            _file!.Read(position, buffer[..count]);
    }

    private void WriteDevice(long page, byte[] bytes, int count)
    {
        var position = page * PageBytes;
        count = (int)Math.Clamp(_length - position, 0, count);
        if (count == 0)
            return;
        _file!.Write(position, bytes.AsSpan(0, count));
        _deviceEnd = Math.Max(_deviceEnd, position + count);
    }

    // A truncation must reach the device before any page behind it, or old bytes would show up in between.
    private void CutDevice()
    {
        if (_file!.Length > _deviceEnd)
            _file.SetLength(_deviceEnd);
    }

    private void Load()
    {
        _file ??= device.Open(DevicePath, FileOpening.ReadWrite);
        if (_length < 0)
            _length = _deviceEnd = _file.Length;
    }

    private void CloseDeviceWhenUnused()
    {
        if (_handles > 0 || _dirty.Count > 0)
            return;
        _file?.Dispose();
        _file = null;
    }
}
