using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>
/// A second broker on a copy of the device, opened to be compared with the first: its own process, its own clock, another chance. Nobody closes it.
/// </summary>
internal sealed class TwinBroker : IDisposable
{
    /// <param name="original">The first.</param>
    /// <param name="copy">What it opens.</param>
    /// <param name="later">How much later than now.</param>
    public TwinBroker(SimulatedBroker original, SimulatedDisk copy, TimeSpan later = default)
    {
        var guard = new ThreadGuard();
        var clock = original.Clock.Copy(guard);
        clock.Jump(later);
        var environment = new SimulatedEnvironment(copy, clock, new WorkQueue(guard), original.Plan.Seed * 37 + (ulong)original.Life);
        Engine = BrokerEngine.Open(environment, original.Plan.Engine);
        Engine.Journal.DriveToEnd();
    }

    public BrokerEngine Engine { get; }

    /// <summary>The runtime's list of meters would keep it for ever.</summary>
    public void Dispose() => Engine.Meter.Dispose();
}
