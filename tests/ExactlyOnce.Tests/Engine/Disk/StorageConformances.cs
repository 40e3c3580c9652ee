using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Disk;

/// <summary>The file system under the test: POSIX or Windows.</summary>
public sealed class SystemDiskConformance : StorageConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private protected override IDisk Disk { get; } = new SystemEnvironment().Disk;

    private protected override string Root => _directory.Path;

    public void Dispose() => _directory.Dispose();
}

public sealed class MemoryDiskConformance : StorageConformance
{
    public MemoryDiskConformance() => Disk.CreateDirectory(Root);

    private protected override IDisk Disk { get; } = new MemoryDisk();

    private protected override string Root => Path.GetFullPath("/data/broker");
}

/// <summary>Without faults the simulated disk is a disk like any other.</summary>
public sealed class SimulatedDiskConformance : StorageConformance
{
    public SimulatedDiskConformance() => Disk.CreateDirectory(Root);

    private protected override IDisk Disk { get; } = new SimulatedDisk();

    private protected override string Root => "/data/broker";
}

/// <summary>As long as the process lives the lossy disk is a disk like any other, however much it writes back early.</summary>
public sealed class LossyDiskConformance : StorageConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public LossyDiskConformance()
    {
        var (root, limbo) = (Root, Path.Combine(_directory.Path, "limbo"));
        Directory.CreateDirectory(root);
        Directory.CreateDirectory(limbo);
        Disk = new LossyDisk(new SystemEnvironment().Disk, root, limbo, seed: 1, writeBackRate: 0.5);
    }

    private protected override IDisk Disk { get; }

    private protected override string Root => Path.Combine(_directory.Path, "data");

    public void Dispose() => _directory.Dispose();
}
