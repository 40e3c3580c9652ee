using System.Runtime.InteropServices;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// How far the reader has come, on a cache line of its own. The writer does not run further ahead than this: retention waits for no reader, a log without a
/// disk overwrites what was
/// not read, and an unbounded channel would fill the memory.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal sealed class Progress
{
    public const int AheadMax = 100_000;

    /// <summary>A power of two; the writer looks up only every so many records.</summary>
    public const int RecordsPerLook = 4_096;

    [FieldOffset(64)]
    private long _read;

    public void Report(long read) => Volatile.Write(ref _read, read);

    public void LetWrite(int written)
    {
        if ((written & (RecordsPerLook - 1)) == 0)
            while (written - Volatile.Read(ref _read) > AheadMax)
                Thread.Yield();
    }
}
