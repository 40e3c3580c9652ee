using System.Buffers;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// One reader's place in the bytes of a log: in a chunk of the tail, which it leases, or in a segment file, which it reads ahead into a buffer of its own and
/// verifies batch by batch. Not thread-safe. Takes no lock and never looks at or beyond the limit it is given.
/// </summary>
internal sealed class LogCursor(long offset) : IDisposable
{
    public const int DefaultReadBytes = 256 << 10;

    private long _next = offset;
    private LogChunk? _chunk;
    private int _position;
    private LogSegment? _segment;
    private long _filePosition;
    private byte[]? _buffer;

    public void Seek(long offset)
    {
        LetGo();
        _next = offset;
    }

    /// <summary>
    /// The next run of whole batches below <paramref name="limit"/>, at least one when there is one. The first may begin in front of the position. The memory is valid until the next
    /// call. False when nothing is there: the limit is reached, or the position has been deleted.
    /// </summary>
    /// <exception cref="DamagedStorageException">A batch in a file does not have its checksum.</exception>
    public bool TryRead(Func<PartitionView> view, long limit, int bytesMax, out ReadOnlyMemory<byte> run)
    {
        while (_next < limit)
        {
            if (_chunk is null && _segment is null && !TryPlace(view()))
                break;
            if (_chunk is not null ? TryReadChunk(limit, bytesMax, out run) : TryReadFile(limit, bytesMax, out run))
                return true;
        }
        run = default;
        return false;
    }

    public void Dispose()
    {
        LetGo();
        if (_buffer is { } buffer)
            ArrayPool<byte>.Shared.Return(buffer);
        _buffer = null;
    }

    private void LetGo()
    {
        _chunk?.Release();
        _chunk = null;
        _segment?.File.Release();
        _segment = null;
    }

    /// <summary>Finds the position in a view and leases what holds it. A lease that fails means that the view is old: the caller's next call takes the new one.</summary>
    private bool TryPlace(PartitionView view)
    {
        if (_next < view.LogStartOffset)
            return false;
        if (view.FindSegment(_next) is { } segment)
        {
            if (segment.File.TryLease())
            {
                _segment = segment;
                _filePosition = PositionOf(segment, Math.Max(_next, segment.BaseOffset));
            }
            return true;
        }
        var chunk = view.FindChunk(_next);
        if (chunk.TryLease())
        {
            _chunk = chunk;
            _position = PositionOf(chunk, _next);
        }
        return true;
    }

    private bool TryReadChunk(long limit, int bytesMax, out ReadOnlyMemory<byte> run)
    {
        run = default;
        var chunk = _chunk!;
        if (_position >= chunk.ClosedLength)
        {
            MoveToNextChunk(chunk);
            return false;
        }
        var closed = chunk.ClosedLength;
        var end = _position;
        var next = _next;
        while (end < closed && next < limit && (end == _position || end - _position < bytesMax))
        {
            var header = BatchHeader.Read(chunk.Buffer.AsSpan(end, BatchHeader.Size));
            end += header.SizeInBytes;
            next = header.NextOffset;
        }
        run = chunk.Buffer.AsMemory(_position, end - _position);
        _position = end;
        _next = next;
        return end > 0 && run.Length > 0;
    }

    private void MoveToNextChunk(LogChunk chunk)
    {
        var next = chunk.Next!;
        chunk.Release();
        _chunk = next.TryLease() ? next : null;
        _position = 0;
    }

    private bool TryReadFile(long limit, int bytesMax, out ReadOnlyMemory<byte> run)
    {
        run = default;
        var segment = _segment!;
        if (_filePosition >= segment.Length)
        {
            // Whatever the last batch's end was: behind this file the next begins.
            _next = Math.Max(_next, segment.NextOffset);
            LetGo();
            return false;
        }
        var wanted = (int)Math.Min(Math.Max(bytesMax, BatchHeader.Size), segment.Length - _filePosition);
        var read = Fill(segment, wanted);
        var first = BatchHeader.Read(_buffer.AsSpan(0, BatchHeader.Size));
        if (first.SizeInBytes > read)
            read = Fill(segment, checked((int)Math.Min(first.SizeInBytes, segment.Length - _filePosition)));
        var length = TakeWhole(segment, read, limit);
        run = _buffer.AsMemory(0, length);
        return length > 0;
    }

    /// <summary>Walks over the batches in the buffer that are whole, below the limit and undamaged.</summary>
    private int TakeWhole(LogSegment segment, int read, long limit)
    {
        var end = 0;
        while (_next < limit && read - end >= BatchHeader.Size)
        {
            var rest = _buffer.AsSpan(end, read - end);
            if (!BatchHeader.TryRead(rest, out var header))
                throw Damaged(segment, end, "this is not a record batch");
            if (header.SizeInBytes > rest.Length)
            {
                if (end == 0)
                    throw Damaged(segment, end, "a record batch reaches beyond the end of the segment");
                break;
            }
            if (!BatchHeader.HasValidCrc(rest[..header.SizeInBytes]))
                throw Damaged(segment, end, $"the record batch at offset {header.BaseOffset} does not have its checksum");
            if (header.BaseOffset >= limit)
            {
                _next = limit;
                break;
            }
            end += header.SizeInBytes;
            _next = header.NextOffset;
        }
        _filePosition += end;
        return end;
    }

    private int Fill(LogSegment segment, int bytes)
    {
        if (_buffer is null || _buffer.Length < bytes)
        {
            if (_buffer is { } small)
                ArrayPool<byte>.Shared.Return(small);
            _buffer = ArrayPool<byte>.Shared.Rent(bytes);
        }
        var read = segment.File.Log.Read(_filePosition, _buffer.AsSpan(0, bytes));
        return read >= BatchHeader.Size ? read : throw Damaged(segment, 0, "the file is shorter than what was written to it");
    }

    private DamagedStorageException Damaged(LogSegment segment, int at, string what) => new(segment.File.LogPath, _filePosition + at, what);

    /// <summary>The position of the batch that holds an offset, or of the first one behind it.</summary>
    private long PositionOf(LogSegment segment, long offset)
    {
        var position = segment.PositionNear(offset);
        Span<byte> bytes = stackalloc byte[BatchHeader.Size];
        while (position < segment.Length)
        {
            if (segment.File.Log.Read(position, bytes) < BatchHeader.Size || !BatchHeader.TryRead(bytes, out var header))
                throw new DamagedStorageException(segment.File.LogPath, position, "this is not a record batch");
            if (header.LastOffset >= offset)
                break;
            position += header.SizeInBytes;
        }
        return position;
    }

    private static int PositionOf(LogChunk chunk, long offset)
    {
        var position = 0;
        var next = chunk.BaseOffset;
        while (position < chunk.ClosedLength && next < offset)
        {
            var header = BatchHeader.Read(chunk.Buffer.AsSpan(position, BatchHeader.Size));
            if (header.LastOffset >= offset)
                break;
            position += header.SizeInBytes;
            next = header.NextOffset;
        }
        return position;
    }
}
