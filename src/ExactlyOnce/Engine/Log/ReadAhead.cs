using System.Buffers;
using System.IO.Pipelines;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Reads what comes next in a segment file in the background, while its reader looks at what came before: the disk, or the copy out of the page cache, and the
/// decoding of records go on at the same time. One piece at a time, for one <see cref="FileRun"/>, whose calls are not concurrent. What was ordered and is not
/// wanted after all costs a read and nothing else.
/// <para>
/// Errors: a read that failed is no piece; the reader reads for itself and is told.
/// </para>
/// </summary>
internal sealed class ReadAhead(PipeScheduler background)
{
    private const int Idle = 0;
    private const int Ordered = 1;
    private const int Reading = 2;
    private const int Ready = 3;

    private const int Failed = -1;

    private static readonly Action<object?> s_read = static state => ((ReadAhead)state!).Read();

    /// <summary>
    /// Idle → Ordered → Reading → Ready → Idle; an order that nobody has begun can be taken back. What stands beside it belongs to the reader, and from Reading
    /// to Ready to the background.
    /// </summary>
    private int _state;
    private SegmentFile? _file;
    private long _position;
    private int _wanted;
    private int _count;
    private byte[] _buffer = [];

    /// <summary>Orders a piece. It takes a lease of its own, so that the file stays while it is read.</summary>
    public void Order(SegmentFile file, long position, int bytes)
    {
        GiveUp();
        if (!file.TryLease())
            return;
        if (_buffer.Length < bytes)
        {
            GiveBack();
            _buffer = ArrayPool<byte>.Shared.Rent(bytes);
        }
        (_file, _position, _wanted) = (file, position, bytes);
        Volatile.Write(ref _state, Ordered);
        background.Schedule(s_read, this);
    }

    /// <summary>
    /// Swaps the reader's buffer for that of the piece at <paramref name="position"/>, when it was ordered and is there or about to be. False: the reader reads
    /// for itself.
    /// </summary>
    public bool TryTake(SegmentFile file, long position, ref byte[] buffer, out int count)
    {
        count = 0;
        if (!TryFinish())
            return false;
        var isWanted = ReferenceEquals(_file, file) && _position == position && _count > 0;
        if (isWanted)
            (buffer, _buffer, count) = (_buffer, buffer, _count);
        Forget();
        return isWanted;
    }

    /// <summary>Gives the file and the buffer back.</summary>
    public void Close()
    {
        GiveUp();
        GiveBack();
    }

    private void GiveUp()
    {
        if (TryFinish())
            Forget();
    }

    /// <summary>True when a piece is there, after waiting for a read that is under way; an order that was not begun is taken back.</summary>
    private bool TryFinish()
    {
        if (Volatile.Read(ref _state) == Idle)
            return false;
        if (Interlocked.CompareExchange(ref _state, Idle, Ordered) == Ordered)
        {
            Forget();
            return false;
        }
        var spin = default(SpinWait);
        while (Volatile.Read(ref _state) != Ready)
            spin.SpinOnce();
        return true;
    }

    private void Forget()
    {
        _file!.Release();
        _file = null;
        Volatile.Write(ref _state, Idle);
    }

    private void GiveBack()
    {
        if (_buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>In the background. An order that was taken back leaves its call behind, which may find the next one and read that.</summary>
    private void Read()
    {
        if (Interlocked.CompareExchange(ref _state, Reading, Ordered) != Ordered)
            return;
        try
        {
            _count = _file!.Read(_position, _buffer.AsSpan(0, _wanted));
        }
        catch (StorageException)
        {
            _count = Failed;
        }
        Volatile.Write(ref _state, Ready);
    }
}
