using System.Numerics;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The memory of all log tails of a broker: pinned buffers in powers of two from 4 KiB to 1 MiB, used again, because touching new pages costs several times
/// the copy into warm ones. A larger batch gets a buffer of exactly its size that is not kept. Thread-safe; one per broker.
/// </summary>
internal sealed class ChunkPool
{
    public const int SmallestBytes = 4 * 1024;
    public const int LargestBytes = 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly Stack<byte[]>[] _free;
    private readonly long _retainedBytesMax;
    private long _retainedBytes;
    private long _rentedBytes;

    /// <param name="retainedBytesMax">The most bytes kept for later; what comes back beyond it is left to the garbage collector.</param>
    public ChunkPool(long retainedBytesMax)
    {
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
        var buffer = bytesMin <= LargestBytes ? TakeOrAllocate(Math.Max(bytesMin, SmallestBytes)) : Allocate(bytesMin);
        Interlocked.Add(ref _rentedBytes, buffer.Length);
        return buffer;
    }

    /// <summary>Takes back a buffer of <see cref="Rent"/> that nobody can reach any more.</summary>
    public void Return(byte[] buffer)
    {
        Interlocked.Add(ref _rentedBytes, -buffer.Length);
        if (buffer.Length > LargestBytes)
            return;
        lock (_lock)
        {
            if (_retainedBytes + buffer.Length > _retainedBytesMax)
                return;
            _retainedBytes += buffer.Length;
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

    private static byte[] Allocate(int size) => GC.AllocateUninitializedArray<byte>(size, pinned: true);

    private static int ClassOf(int size) => BitOperations.Log2((uint)size) - BitOperations.Log2(SmallestBytes);
}
