namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>How much is measured.</summary>
/// <param name="IsQuick">Short rounds, and few.</param>
/// <param name="Factor">Times the usual amount; below 1 the figures mean little and only show that everything runs.</param>
internal sealed record Scale(bool IsQuick, double Factor)
{
    public int Rounds => IsQuick ? 3 : 7;

    /// <summary>So long, or once, each contestant works before it is measured.</summary>
    public TimeSpan WarmUp => TimeSpan.FromSeconds((IsQuick ? 0.7 : 3) * Math.Min(1, Factor));

    /// <summary>A number of records, in whole thousands.</summary>
    public int Count(int full, int quick) => (int)Math.Max(1, (IsQuick ? quick : full) * Factor / 1000) * 1000;

    public long Size(long full, long quick) => (long)((IsQuick ? quick : full) * Factor);

    public TimeSpan Duration(double fullSeconds, double quickSeconds) => TimeSpan.FromSeconds((IsQuick ? quickSeconds : fullSeconds) * Factor);
}
