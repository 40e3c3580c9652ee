using System.Collections.Concurrent;
using System.Numerics;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The memory of log tails: pinned power-of-two arrays, given back when neither the log nor a reader needs them and used again, because a page touched for the first time
/// costs more than the copy into it. One per broker; thread-safe.
/// </summary>
internal sealed class ChunkPool(long pooledBytesMax = 256L << 20)
{
    public const int SmallestBytes = 4 << 10;
    public const int LargestBytes = 1 << 20;

    private readonly ConcurrentBag<byte[]>[] _bySize =
        [.. Enumerable.Range(0, BitOperations.Log2(LargestBytes / SmallestBytes) + 1).Select(_ => new ConcurrentBag<byte[]>())];

    private long _pooledBytes;

    /// <summary>An array of at least <paramref name="bytes"/>; its content is arbitrary.</summary>
    public byte[] Rent(int bytes)
    {
        if (bytes > LargestBytes)
            return GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        var size = Math.Max(SmallestBytes, (int)BitOperations.RoundUpToPowerOf2((uint)bytes));
        if (!_bySize[Slot(size)].TryTake(out var array))
            return GC.AllocateUninitializedArray<byte>(size, pinned: true);
        Interlocked.Add(ref _pooledBytes, -size);
        return array;
    }

    public void Return(byte[] array)
    {
        if (array.Length > LargestBytes || Volatile.Read(ref _pooledBytes) + array.Length > pooledBytesMax)
            return;
        Interlocked.Add(ref _pooledBytes, array.Length);
        _bySize[Slot(array.Length)].Add(array);
    }

    private static int Slot(int size) => BitOperations.Log2((uint)(size / SmallestBytes));
}
