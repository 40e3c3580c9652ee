namespace ExactlyOnce.Testing.Disks;

/// <summary>How much may still be added to a disk; when nothing may, for how long, and what it is called.</summary>
internal sealed class DiskSpace
{
    private const long Plenty = 1L << 40;

    private long _bytes = Plenty;
    private long _returnsIn = long.MaxValue;

    /// <summary>ENOSPC or EDQUOT.</summary>
    public FaultKind Fault { get; private set; } = FaultKind.NoSpace;

    public long Free => Math.Max(0, _bytes);

    public void Limit(long bytes, FaultKind fault, long returnsAfter) => (_bytes, Fault, _returnsIn) = (bytes, fault, returnsAfter);

    public void Return() => (_bytes, _returnsIn) = (Plenty, long.MaxValue);

    /// <summary>How much of a growth there is room for. Asking in vain brings the return of space nearer.</summary>
    public long Take(long bytes)
    {
        var taken = Math.Min(bytes, Free);
        _bytes -= taken;
        if (taken < bytes && --_returnsIn <= 0)
            Return();
        return taken;
    }

    public void Give(long bytes) => _bytes = Math.Min(Plenty, _bytes + bytes);
}
