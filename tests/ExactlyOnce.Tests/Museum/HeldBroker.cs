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
    private HeldBroker(SimulatedDisk simulated, HeldDisk disk, FakeTimeProvider clock, TestBroker broker)
    {
        Clock = clock;
        Simulated = simulated;
        Disk = disk;
        Broker = broker;
    }

    public SimulatedDisk Simulated { get; }

    public HeldDisk Disk { get; }

    public TestBroker Broker { get; }

    public FakeTimeProvider Clock { get; }

    public static async Task<HeldBroker> OpenAsync(int partitions = 2, bool holdsJournal = true, TimeSpan? closeTimeout = null)
    {
        var simulated = new SimulatedDisk();
        var disk = new HeldDisk(simulated, holdsJournal);
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        var broker = await TestBroker.OpenAsync(partitions: partitions, configure: options =>
        {
            options.Directory = SteppedBroker.Root;
            options.Environment = new SystemEnvironment(clock, disk: disk);
            options.JournalFileBytes = 4 << 20;
            options.CloseTimeout = closeTimeout ?? options.CloseTimeout;
        });
        return new HeldBroker(simulated, disk, clock, broker);
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
