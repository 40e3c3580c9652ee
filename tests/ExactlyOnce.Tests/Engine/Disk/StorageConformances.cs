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

/// <summary>Without faults the fault disk is a disk like any other.</summary>
public sealed class FaultDiskConformance : StorageConformance
{
    public FaultDiskConformance() => Disk.CreateDirectory(Root);

    private protected override IDisk Disk { get; } = new SimulatedDisk();

    private protected override string Root => "/data/broker";
}
