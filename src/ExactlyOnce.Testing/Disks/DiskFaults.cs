namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// How bad a disk is, all of it drawn from a seed: most disks have one or two weaknesses, so that each is met alone and in company. Rates are per operation.
/// </summary>
internal sealed record DiskFaults
{
    public int Seed { get; init; }

    /// <summary>How its power cuts go.</summary>
    public PowerLoss Loss { get; init; } = new(CrashProfile.Prefix, 0);

    public SyncFailure SyncFailure { get; init; }

    public double ReadErrorRate { get; init; }

    public double WriteErrorRate { get; init; }

    public double SyncErrorRate { get; init; }

    public double StallRate { get; init; }

    /// <summary>An operation that has failed with EIO fails again, always.</summary>
    public bool IsPermanent { get; init; }

    /// <summary>How many bytes may be added before the disk is full.</summary>
    public long SpaceBytes { get; init; } = long.MaxValue;

    /// <summary>Operations after which a full disk has room again.</summary>
    public int SpaceReturnsAfter { get; init; } = 20;

    /// <summary>Bits that turn, in what is read and written.</summary>
    public double RotRate { get; init; }

    public double MisdirectedRate { get; init; }

    /// <summary>Syncs that lie.</summary>
    public double LieRate { get; init; }

    /// <summary>True when the broker must keep every promise on this disk. Otherwise it must only never show a wrong value.</summary>
    public bool IsWithinPromise => RotRate == 0 && MisdirectedRate == 0 && LieRate == 0 && Loss.SectorBytes > 1;

    /// <summary>A disk within the promise.</summary>
    public static DiskFaults Draw(int seed)
    {
        var random = new Random(seed);
        var syncFailures = Enum.GetValues<SyncFailure>();
        return new DiskFaults
        {
            Seed = seed,
            Loss = PowerLoss.Draw(seed),
            SyncFailure = syncFailures[random.Next(syncFailures.Length)],
            ReadErrorRate = Sometimes(random, 0.02),
            WriteErrorRate = Sometimes(random, 0.01),
            SyncErrorRate = Sometimes(random, 0.02),
            StallRate = Sometimes(random, 0.05),
            IsPermanent = random.Next(4) == 0,
            SpaceBytes = random.Next(5) == 0 ? random.Next(1 << 20) : long.MaxValue,
            SpaceReturnsAfter = random.Next(1, 60),
        };
    }

    /// <summary>A disk that lies, rots and tears at any byte: what is asked of the broker is less.</summary>
    public static DiskFaults DrawBeyondPromise(int seed)
    {
        var random = new Random(seed);
        var drawn = Draw(seed);
        return drawn with
        {
            Loss = drawn.Loss with { SectorBytes = random.Next(3) == 0 ? 1 : drawn.Loss.SectorBytes },
            RotRate = Sometimes(random, 0.1),
            MisdirectedRate = Sometimes(random, 0.05),
            LieRate = Sometimes(random, 0.3),
        };
    }

    /// <summary>What the next operation meets.</summary>
    public FaultKind? Strike(DiskOperations operation, Random random) => operation switch
    {
        DiskOperations.Read => Strike(random, (ReadErrorRate, FaultKind.IoError), (RotRate, FaultKind.BitRot), (MisdirectedRate, FaultKind.Misdirected)),
        DiskOperations.Write => Strike(
            random, (WriteErrorRate, FaultKind.IoError), (RotRate, FaultKind.BitRot), (MisdirectedRate, FaultKind.Misdirected), (StallRate, FaultKind.Stall)),
        DiskOperations.Sync or DiskOperations.SyncDirectory => Strike(random, (SyncErrorRate, FaultKind.IoError), (LieRate, FaultKind.Lie), (StallRate, FaultKind.Stall)),
        _ => Strike(random, (WriteErrorRate, FaultKind.IoError)),
    };

    private static FaultKind? Strike(Random random, params ReadOnlySpan<(double Rate, FaultKind Kind)> possible)
    {
        foreach (var (rate, kind) in possible)
            if (rate > 0 && random.NextDouble() < rate)
                return kind;
        return null;
    }

    private static double Sometimes(Random random, double rateMax) => random.Next(3) == 0 ? random.NextDouble() * rateMax : 0;
}
