using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// A cursor's place in a segment file: the lease, a buffer that is read ahead, and the checks that every batch from a file passes before anybody sees it.
/// Belongs to one <see cref="LogCursor"/>.
/// </summary>
/// <param name="background">Where the next piece is read while this one is looked at; null where nothing happens in the background.</param>
internal sealed class FileRun(PipeScheduler? background)
{
    private const int ReadAheadMin = 64 * 1024;
    private const int ReadAheadMax = 256 * 1024;

    private readonly ReadAhead? _ahead = background is null ? null : new ReadAhead(background);
    private LogSegment? _segment;
    private byte[] _buffer = [];
    private int _buffered;
    private int _position;
    private long _bufferAt;
    private int _readAhead = ReadAheadMin;
    private bool _isContinuing;

    [MemberNotNullWhen(true, nameof(_segment))]
    public bool IsOpen => _segment is not null;

    public LogSegment Segment => _segment!;

    public bool IsAtEnd => _bufferAt + _position >= Segment.LogLength;

    /// <summary>The offset behind the last batch read.</summary>
    public long NextOffset { get; private set; }

    /// <summary>Takes over the caller's lease. False, and the lease given back, when the segment has no batch at or behind <paramref name="offset"/>.</summary>
    public bool TryOpen(LogSegment segment, long offset)
    {
        _segment = segment;
        var isFound = false;
        try
        {
            SegmentOffsets.AssertRight(segment);
            _bufferAt = segment.FindPosition(offset);
            isFound = !IsAtEnd;
        }
        finally
        {
            if (!isFound)
                Close();
        }
        return isFound;
    }

    public void Close()
    {
        if (!IsOpen)
            return;
        _ahead?.Close();
        _segment.File.Release();
        _segment = null;
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _position = _buffered = 0;
        _readAhead = ReadAheadMin;
        _isContinuing = false;
    }

    /// <summary>
    /// The next batches that lie wholly below <paramref name="limit"/>, from the one that holds <paramref name="offset"/> on; empty when there is none.
    /// </summary>
    /// <exception cref="DamagedStorageException">The first of them is damaged.</exception>
    public ReadOnlyMemory<byte> Read(long offset, long limit, int maxBytes)
    {
        NextOffset = offset;
        if (!HoldsBatch())
            Fill();
        var end = _position;
        while (TryReadHeader(end, out var header))
        {
            var isFirst = end == _position;
            // Before the limit: an offset that is wrong must not pass for one that is not published yet.
            var damage = FindMisplacement(header, _bufferAt + end);
            if (damage is null && (header.NextOffset > limit || (!isFirst && end - _position + header.SizeInBytes > maxBytes)))
                break;
            damage ??= FindDamage(header, _buffer.AsSpan(end, header.SizeInBytes));
            if (damage is not null)
            {
                // What stands in front of it is good and goes out first; the next call meets the damage again.
                if (!isFirst)
                    break;
                throw new DamagedStorageException(Segment.File.LogPath, _bufferAt + end, damage);
            }
            NextOffset = header.NextOffset;
            _isContinuing = true;
            end += header.SizeInBytes;
        }
        var batches = _buffer.AsMemory(_position, end - _position);
        _position = end;
        return batches;
    }

    private bool HoldsBatch() => TryReadHeader(_position, out _);

    /// <summary>False when the buffer does not hold the whole batch.</summary>
    private bool TryReadHeader(int at, out BatchHeader header) =>
        BatchHeader.TryRead(_buffer.AsSpan(at, _buffered - at), out header) && header.SizeInBytes <= _buffered - at;

    private void Fill()
    {
        _bufferAt += _position;
        _position = 0;
        var left = Segment.LogLength - _bufferAt;
        if (_ahead is null || !_ahead.TryTake(Segment.File, _bufferAt, ref _buffer, out _buffered))
            ReadFile((int)Math.Min(left, _readAhead));
        if (!BatchHeader.TryRead(_buffer.AsSpan(0, _buffered), out var header))
            throw new DamagedStorageException(Segment.File.LogPath, _bufferAt, "not a record batch");
        if (header.SizeInBytes > left)
            throw new DamagedStorageException(Segment.File.LogPath, _bufferAt, $"a batch of {header.SizeInBytes} bytes does not fit into the {left} that follow");
        if (header.SizeInBytes > _buffered)
            ReadFile(header.SizeInBytes);
        if (header.SizeInBytes > _buffered)
            throw new DamagedStorageException(Segment.File.LogPath, _bufferAt + _buffered, "the file ends in the middle of a batch");
        // One that goes through the file; who looks at one batch and goes to sleep does not pay for the next.
        if (_readAhead == ReadAheadMax)
            OrderNext();
        _readAhead = Math.Min(_readAhead * 2, ReadAheadMax);
    }

    /// <summary>The next piece begins where the whole batches of this one end. A batch that is damaged is met by whoever reads it.</summary>
    private void OrderNext()
    {
        var end = 0;
        while (TryReadHeader(end, out var header))
            end += header.SizeInBytes;
        var next = _bufferAt + end;
        if (end > 0 && next < Segment.LogLength)
            _ahead?.Order(Segment.File, next, (int)Math.Min(Segment.LogLength - next, ReadAheadMax));
    }

    private void ReadFile(int bytes)
    {
        if (_buffer.Length < bytes)
        {
            if (_buffer.Length > 0)
                ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
            _buffer = ArrayPool<byte>.Shared.Rent(bytes);
        }
        _buffered = 0;
        _buffered = Segment.File.Read(_bufferAt, _buffer.AsSpan(0, bytes));
    }

    private static string? FindDamage(in BatchHeader header, ReadOnlySpan<byte> batch) =>
        BatchHeader.HasValidCrc(batch) ? null : $"the batch at offset {header.BaseOffset} does not have the checksum it carries";

    /// <summary>The checksum does not cover the base offset; its neighbours do.</summary>
    private string? FindMisplacement(in BatchHeader header, long position)
    {
        var follows = !_isContinuing
            ? header.LastOffset >= NextOffset && (position > 0 || Segment.Description.HasHoles || header.BaseOffset == Segment.BaseOffset)
            : Segment.Description.HasHoles ? header.BaseOffset >= NextOffset : header.BaseOffset == NextOffset;
        return follows && header.LastOffset < Segment.NextOffset
            ? null
            : $"the batch claims offsets {header.BaseOffset} to {header.LastOffset}, where {NextOffset} follows and the segment ends in front of {Segment.NextOffset}";
    }
}
