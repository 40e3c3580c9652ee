using System.Diagnostics;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.References;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// One buffer of a log tail: whole batches, one behind the other. Written by the tail's writer alone, read by anybody who leases it, without a lock.
/// <para>
/// What readers rely on: bytes are written before the offset behind them is published, so below a published limit everything is there; a chunk is closed
/// before anything is appended elsewhere, so who stands at the end of an open chunk below the limit has bytes in front of him.
/// </para>
/// <para>
/// The object is never used again, only its buffer: once the last lease is gone <see cref="TryLease"/> fails for ever, so a late reader cannot mistake a
/// recycled buffer for this one. The journal reads placed batches without a lease: a tail is only trimmed below what the journal has written.
/// </para>
/// </summary>
internal sealed class LogChunk
{
    private readonly ChunkPool _pool;
    private readonly ReferenceTable _references;
    private int _leases = 1;
    private int _written;
    private int _closedLength = int.MaxValue;
    private LogChunk? _next;
    private byte[]? _buffer;

    internal LogChunk(ChunkPool pool, byte[] buffer, long baseOffset, ReferenceTable references)
    {
        _pool = pool;
        _references = references;
        _buffer = buffer;
        BaseOffset = baseOffset;
    }

    /// <summary>The bytes; only for whoever holds a lease.</summary>
    public byte[] Buffer => _buffer!;

    /// <summary>Offset of the first batch.</summary>
    public long BaseOffset { get; }

    /// <summary>Bytes written: the writer's number. Readers go by offsets and <see cref="ClosedLength"/>.</summary>
    public int Written => Volatile.Read(ref _written);

    /// <summary>Where the chunk ends; <see cref="int.MaxValue"/> as long as it may grow.</summary>
    public int ClosedLength => Volatile.Read(ref _closedLength);

    /// <summary>The chunk behind this one, once this one is closed. Null then: the tail was cut here, ask the partition's view.</summary>
    public LogChunk? Next => Volatile.Read(ref _next);

    /// <summary>The largest record timestamp, −1 for none. Unix milliseconds.</summary>
    public long MaxTimestamp { get; private set; } = BatchHeader.NoTimestamp;

    /// <summary>When the last batch was appended, by the broker's clock. Unix milliseconds.</summary>
    public long LastAppendMs { get; private set; } = BatchHeader.NoTimestamp;

    public bool IsClosed => ClosedLength != int.MaxValue;

    /// <summary>Bytes that still fit.</summary>
    internal int Room => IsClosed ? 0 : Buffer.Length - _written;

    /// <summary>False when the chunk is gone: whoever asked takes the partition's current view.</summary>
    public bool TryLease()
    {
        var leases = Volatile.Read(ref _leases);
        while (leases > 0)
        {
            var seen = Interlocked.CompareExchange(ref _leases, leases + 1, leases);
            if (seen == leases)
                return true;
            leases = seen;
        }
        return false;
    }

    /// <summary>Gives a lease back; the tail's own is the first. The last one out returns the buffer.</summary>
    public void Release()
    {
        var left = Interlocked.Decrement(ref _leases);
        Debug.Assert(left >= 0, "A lease was given back twice.");
        if (left > 0)
            return;
        var buffer = Buffer;
        if (_references.IsUsed)
            _references.Release(buffer.AsSpan(0, Written));
        _buffer = null;
        _pool.Return(buffer);
    }

    /// <summary>
    /// Where the first batch begins that does not lie below <paramref name="offset"/>, an offset between batches; their end when there is none.
    /// </summary>
    public static int PositionOf(long offset, ReadOnlySpan<byte> batches)
    {
        var position = 0;
        while (position < batches.Length)
        {
            var header = BatchHeader.Read(batches[position..]);
            if (header.BaseOffset >= offset)
                break;
            Debug.Assert(header.NextOffset <= offset, "The offset lies between batches.");
            position += header.SizeInBytes;
        }
        return position;
    }

    internal ReadOnlyMemory<byte> Append(BatchBytes batch, long baseOffset, int leaderEpoch, in BatchHeader header, long nowMs)
    {
        Debug.Assert(header.SizeInBytes <= Room, "The tail chooses a chunk with room.");
        var at = _written;
        var placed = Buffer.AsSpan(at, header.SizeInBytes);
        batch.CopyTo(placed);
        BatchHeader.Place(placed, baseOffset, leaderEpoch);
        MaxTimestamp = Math.Max(MaxTimestamp, header.MaxTimestamp);
        LastAppendMs = Math.Max(LastAppendMs, nowMs);
        Volatile.Write(ref _written, at + placed.Length);
        return Buffer.AsMemory(at, placed.Length);
    }

    /// <summary>Ends the chunk. The successor first: a reader that sees the end must see where to go on.</summary>
    internal void Close(LogChunk? next)
    {
        Volatile.Write(ref _next, next);
        Volatile.Write(ref _closedLength, _written);
    }
}
