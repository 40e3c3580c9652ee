using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// A broker with its threads, on a simulated disk that can be held: what is decided and not yet durable can be looked at for as long as one likes.
/// </summary>
internal sealed class HeldBroker : IAsyncDisposable
{
    private HeldBroker(SimulatedDisk simulated, HeldDisk disk, TestBroker broker)
    {
        Simulated = simulated;
        Disk = disk;
        Broker = broker;
    }

    public SimulatedDisk Simulated { get; }

    public HeldDisk Disk { get; }

    public TestBroker Broker { get; }

    public static async Task<HeldBroker> OpenAsync(int partitions = 2)
    {
        var simulated = new SimulatedDisk();
        var disk = new HeldDisk(simulated);
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        var broker = await TestBroker.OpenAsync(partitions: partitions, configure: options =>
        {
            options.Directory = SteppedBroker.Root;
            options.Environment = new SystemEnvironment(clock, disk: disk);
            options.JournalFileBytes = 4 << 20;
        });
        return new HeldBroker(simulated, disk, broker);
    }

    public async ValueTask DisposeAsync()
    {
        Disk.Release();
        try
        {
            await Broker.DisposeAsync();
        }
        catch (SimulatedCrash)
        {
            // The machine has died; there is nothing to close.
        }
    }
}
