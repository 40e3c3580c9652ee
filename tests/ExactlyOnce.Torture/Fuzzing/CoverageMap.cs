using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// The 64 KiB that an instrumented assembly counts its branches in, and what has been seen of it so far, in AFL's buckets: once, twice, three times, 4 to 7, 8
/// to 15, 16 to 31, 32 to 127, more often. One per process; never given back, because code that is instrumented may run until the process ends.
/// </summary>
internal sealed unsafe class CoverageMap
{
    private const int Size = 1 << 16;

    private static readonly byte[] s_bucketOf = [.. Enumerable.Range(0, 256).Select(BucketOf)];

    private readonly byte* _counts;
    private readonly byte[] _seen = new byte[Size];

    public CoverageMap()
    {
        _counts = (byte*)NativeMemory.AlignedAlloc(Size, 64);
        NativeMemory.Clear(_counts, Size);
        Trace.SharedMem = _counts;
    }

    /// <summary>Places of the code reached so far.</summary>
    public int Edges { get; private set; }

    /// <summary>Forgets the counts of what ran outside an execution.</summary>
    public void Reset()
    {
        NativeMemory.Clear(_counts, Size);
        Trace.PrevLocation = 0;
    }

    /// <summary>
    /// Takes the counts of the execution that just ended and clears them for the next; true when it reached something new, or more often than before.
    /// </summary>
    public bool Collect()
    {
        var isNew = false;
        for (var block = 0; block < Size; block += Vector<byte>.Count * 4)
        {
            ref var first = ref Unsafe.AsRef<Vector<byte>>(_counts + block);
            var any = first | Unsafe.Add(ref first, 1) | Unsafe.Add(ref first, 2) | Unsafe.Add(ref first, 3);
            if (any != Vector<byte>.Zero)
                isNew |= CollectBlock(block, Vector<byte>.Count * 4);
        }
        Trace.PrevLocation = 0;
        return isNew;
    }

    private bool CollectBlock(int block, int length)
    {
        var isNew = false;
        for (var i = block; i < block + length; i++)
        {
            if (_counts[i] == 0)
                continue;
            var bucket = s_bucketOf[_counts[i]];
            _counts[i] = 0;
            var seen = _seen[i];
            if ((seen & bucket) != 0)
                continue;
            isNew = true;
            if (seen == 0)
                Edges++;
            _seen[i] = (byte)(seen | bucket);
        }
        return isNew;
    }

    private static byte BucketOf(int count) => count switch
    {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        < 8 => 8,
        < 16 => 16,
        < 32 => 32,
        < 128 => 64,
        _ => 128,
    };
}
