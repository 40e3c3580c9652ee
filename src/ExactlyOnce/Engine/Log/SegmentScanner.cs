using System.Buffers;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Goes over the batch headers of a leased segment's log file without looking at the records: for seeks, counts and rebuilding an index. Checks that headers
/// are plausible and follow each other, not the CRC.
/// </summary>
internal sealed class SegmentScanner : IDisposable
{
    private readonly SegmentFile _file;
    private readonly long _length;
    private readonly byte[] _window;
    private long _windowAt;
    private int _windowLength;
    private readonly bool _hasHoles;
    private long _lastOffset;
    private bool _isFollowing;

    /// <param name="file">Leased by the caller for as long as the scanner lives.</param>
    /// <param name="position">Where a batch begins.</param>
    /// <param name="length">How much of the file is valid.</param>
    /// <param name="hasHoles">Whether offsets may be missing between batches.</param>
    /// <param name="windowBytes">How much is read at a time.</param>
    public SegmentScanner(SegmentFile file, long position, long length, bool hasHoles, int windowBytes = 64 * 1024)
    {
        _file = file;
        _length = length;
        _window = ArrayPool<byte>.Shared.Rent(windowBytes);
        _windowAt = Next = position;
        _hasHoles = hasHoles;
        _lastOffset = file.Name.BaseOffset - 1;
        _isFollowing = position == 0;
    }

    /// <summary>Where the batch reached begins.</summary>
    public long Position { get; private set; }

    /// <summary>Where the batch behind it begins.</summary>
    public long Next { get; private set; }

    /// <summary>False at the end of the valid bytes.</summary>
    /// <exception cref="DamagedStorageException">No batch stands where one must.</exception>
    public bool TryNext(out BatchHeader header)
    {
        header = default;
        if (Next >= _length)
            return false;
        if (!BatchHeader.TryRead(HeaderBytes(Next), out header))
            throw new DamagedStorageException(_file.LogPath, Next, "not a record batch");
        if (header.SizeInBytes > _length - Next)
            throw new DamagedStorageException(_file.LogPath, Next, $"a batch of {header.SizeInBytes} bytes does not fit into the {_length} valid ones");
        // The batch's checksum does not cover its offset: a seek that believed a wrong one would hand out the batch in the place of another.
        if (header.BaseOffset <= _lastOffset || (_isFollowing && !_hasHoles && header.BaseOffset != _lastOffset + 1))
            throw new DamagedStorageException(_file.LogPath, Next, $"base offset {header.BaseOffset} follows offset {_lastOffset}");
        _lastOffset = header.LastOffset;
        _isFollowing = true;
        Position = Next;
        Next += header.SizeInBytes;
        return true;
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_window);

    private ReadOnlySpan<byte> HeaderBytes(long position)
    {
        var at = position - _windowAt;
        if (at < 0 || at + BatchHeader.Size > _windowLength)
        {
            _windowAt = position;
            _windowLength = _file.Read(position, _window.AsSpan(0, (int)Math.Min(_window.Length, _length - position)));
            at = 0;
        }
        return _window.AsSpan((int)at, (int)Math.Min(BatchHeader.Size, _windowLength - at));
    }
}
