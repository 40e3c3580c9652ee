using System.IO.Pipelines;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>One process of a simulated machine: one thread, virtual time, chance from a seed. The journal moves only when the run steps it.</summary>
internal sealed class SimulatedEnvironment(IDisk disk, VirtualTime clock, WorkQueue queue, ulong seed) : BrokerEnvironment
{
    private readonly SimulationRandom _random = new(seed);

    public override TimeProvider Time => clock;

    public override IDisk Disk => disk;

    public override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    public override PipeScheduler Completions => queue;

    public override bool IsThreaded => false;

    public override bool IsJournalStepped => true;

    public override void StartThread(string name, Action loop) => throw new InvalidOperationException("There is one thread.");

    public override bool JoinThread(string name, TimeSpan timeout) => true;

    public override long NextRandom() => (long)_random.Next();

    public override Guid NextGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, _random.Next());
        BitConverter.TryWriteBytes(bytes[8..], _random.Next());
        return new Guid(bytes);
    }
}
