namespace ExactlyOnce.Testing.Disks;

/// <summary>Decides what an operation of a <see cref="SimulatedDisk"/> meets: faults planned for it, and those drawn from the disk's weaknesses.</summary>
internal sealed class FaultInjector
{
    private readonly Dictionary<long, FaultKind> _byNumber = [];
    private readonly List<PlannedFault> _planned = [];
    private readonly HashSet<(DiskOperations, string)> _broken = [];
    private DiskFaults? _weaknesses;
    private Random _random = new(0);

    /// <summary>The operation with this number, whatever it is.</summary>
    public void Plan(long number, FaultKind kind) => _byNumber[number] = kind;

    public void Plan(PlannedFault fault) => _planned.Add(fault);

    public void Remove(Predicate<PlannedFault> which) => _planned.RemoveAll(which);

    public void Draw(DiskFaults weaknesses)
    {
        _weaknesses = weaknesses;
        _random = new Random(weaknesses.Seed);
    }

    public void Clear()
    {
        _byNumber.Clear();
        _planned.Clear();
        _broken.Clear();
        _weaknesses = null;
    }

    /// <param name="operation">One kind.</param>
    /// <param name="number">Its number; 0 for a read.</param>
    /// <param name="path">Of what.</param>
    public FaultKind? Strike(DiskOperations operation, long number, string path)
    {
        FaultKind? struck = number > 0 && _byNumber.TryGetValue(number, out var byNumber) ? byNumber : null;
        foreach (var planned in _planned)
            struck = planned.Strike(operation) ?? struck;
        if (struck is not null || _weaknesses is null)
            return struck;
        if (_broken.Contains((operation, path)))
            return FaultKind.IoError;
        struck = _weaknesses.Strike(operation, _random);
        if (struck == FaultKind.IoError && _weaknesses.IsPermanent)
            _broken.Add((operation, path));
        return struck;
    }
}
