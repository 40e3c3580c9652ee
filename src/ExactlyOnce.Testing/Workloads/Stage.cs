using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>A disk and the broker that lives on it now; a workload's operations happen here, and may end one life and begin the next.</summary>
internal sealed class Stage(SimulatedDisk disk, Promises promises, LifeScale scale)
{
    private Life? _life;

    public SimulatedDisk Disk => disk;

    public Promises Promises => promises;

    public Life Life => _life ?? throw new InvalidOperationException("The broker is not open.");

    public bool IsOpen => _life is { Engine.IsClosed: false };

    /// <summary>True when the broker has stopped because its journal failed.</summary>
    public bool HasStopped => _life is { Engine.Journal.Failure: not null };

    public void Open()
    {
        // Kept until the next one stands, so that a refused opening leaves a closed broker to look at.
        _life = Life.Open(disk, promises, scale);
        disk.PassTime = _life.Advance;
    }

    public void Run(Func<Life, Task> work) => Life.Run(work);

    public void Close() => Run(life => life.CloseAsync());
}
