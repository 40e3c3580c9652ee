using System.IO.Pipelines;
using System.Numerics;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The memory of all log tails of a broker: pinned buffers in powers of two from 4 KiB to 1 MiB, used again, because touching new pages costs several times
/// the copy into warm ones. A larger batch gets a buffer of its own, of exactly its size or one that was used before and is not much larger. Thread-safe; one
/// per broker.
/// <para>
/// While a log grows, memory is made and its pages are touched ahead, in the background: who appends holds the partition's lock and should find it warm. That
/// begins with the first buffer of the largest size, which small logs never want.
/// </para>
/// </summary>
internal sealed class ChunkPool
{
    public const int SmallestBytes = 4 * 1024;
    public const int LargestBytes = 1024 * 1024;

    /// <summary>Buffers of the largest size that are kept ready while logs grow: what is filled while the next are made.</summary>
    public const int AheadMax = 4;

    private const int PageBytes = 4096;

    /// <summary>A kept buffer serves a large batch that leaves at most one part in so many of it unused.</summary>
    private const int UnusedPartMax = 8;

    /// <summary>Buffers for large batches that are kept; they are looked through one by one.</summary>
    private const int LargeMax = 16;

    private static readonly Action<object?> s_prepare = static state => ((ChunkPool)state!).Prepare();

    private readonly Lock _lock = new();
    private readonly Stack<byte[]>[] _free;

    /// <summary>What is kept for batches that no power of two holds.</summary>
    private readonly List<byte[]> _large = [];
    private readonly long _retainedBytesMax;
    private readonly PipeScheduler? _background;
    private long _retainedBytes;
    private long _rentedBytes;
    private int _isPreparing;

    /// <param name="retainedBytesMax">The most bytes kept for later; what comes back beyond it is left to the garbage collector.</param>
    /// <param name="background">Where memory is made ahead; null where nothing happens in the background.</param>
    public ChunkPool(long retainedBytesMax, PipeScheduler? background = null)
    {
        _background = background;
        _retainedBytesMax = retainedBytesMax;
        _free = new Stack<byte[]>[ClassOf(LargestBytes) + 1];
        for (var i = 0; i < _free.Length; i++)
            _free[i] = [];
    }

    /// <summary>Bytes that tails and readers hold now.</summary>
    public long RentedBytes => Interlocked.Read(ref _rentedBytes);

    /// <summary>Bytes that wait to be used again.</summary>
    public long RetainedBytes => Interlocked.Read(ref _retainedBytes);

    /// <summary>A buffer of at least this size with any content.</summary>
    public byte[] Rent(int bytesMin)
    {
        var buffer = bytesMin <= LargestBytes ? TakeOrAllocate(Math.Max(bytesMin, SmallestBytes)) : TakeLarge(bytesMin) ?? Allocate(bytesMin);
        if (buffer.Length == LargestBytes)
            PrepareAhead();
        Interlocked.Add(ref _rentedBytes, buffer.Length);
        return buffer;
    }

    /// <summary>Takes back a buffer of <see cref="Rent"/> that nobody can reach any more.</summary>
    public void Return(byte[] buffer)
    {
        Interlocked.Add(ref _rentedBytes, -buffer.Length);
        lock (_lock)
        {
            if (_retainedBytes + buffer.Length > _retainedBytesMax || (buffer.Length > LargestBytes && _large.Count == LargeMax))
                return;
            _retainedBytes += buffer.Length;
            if (buffer.Length > LargestBytes)
                _large.Add(buffer);
            else
                _free[ClassOf(buffer.Length)].Push(buffer);
        }
    }

    private byte[] TakeOrAllocate(int bytesMin)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)bytesMin);
        lock (_lock)
        {
            if (_free[ClassOf(size)].TryPop(out var buffer))
            {
                _retainedBytes -= size;
                return buffer;
            }
        }
        return Allocate(size);
    }

    private byte[]? TakeLarge(int bytesMin)
    {
        lock (_lock)
        {
            var found = _large.FindIndex(kept => kept.Length >= bytesMin && kept.Length - bytesMin <= kept.Length / UnusedPartMax);
            if (found < 0)
                return null;
            var buffer = _large[found];
            _large.RemoveAt(found);
            _retainedBytes -= buffer.Length;
            return buffer;
        }
    }

    private void PrepareAhead()
    {
        if (_background is null || !WantsAhead() || Interlocked.Exchange(ref _isPreparing, 1) != 0)
            return;
        _background.Schedule(s_prepare, this);
    }

    private bool WantsAhead()
    {
        lock (_lock)
            return _free[^1].Count < AheadMax && _retainedBytes + LargestBytes <= _retainedBytesMax;
    }

    private void Prepare()
    {
        while (WantsAhead())
        {
            var buffer = Allocate(LargestBytes);
            for (var page = 0; page < buffer.Length; page += PageBytes)
                buffer[page] = 0;
            lock (_lock)
            {
                _retainedBytes += buffer.Length;
                _free[^1].Push(buffer);
            }
        }
        // Who rents the last one after that look, and before this, prepares with the next.
        Volatile.Write(ref _isPreparing, 0);
    }

    private static byte[] Allocate(int size) => GC.AllocateUninitializedArray<byte>(size, pinned: true);

    private static int ClassOf(int size) => BitOperations.Log2((uint)size) - BitOperations.Log2(SmallestBytes);
}
