using System.IO.Pipelines;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>What a test broker takes its time, its chance and its threads from: a clock that is told, a seed, and no threads.</summary>
internal sealed class TestEnvironment(TestClock clock, TestScheduler scheduler, int seed, ILoggerFactory? loggerFactory) : BrokerEnvironment
{
    private Random? _random;

    public override TimeProvider Time => clock;

    public override IDisk Disk => throw new NotSupportedException("A broker in memory has no disk.");

    public override ILoggerFactory LoggerFactory { get; } = loggerFactory ?? NullLoggerFactory.Instance;

    public override PipeScheduler Completions => scheduler;

    public override bool IsThreaded => false;

    public override void StartThread(string name, Action loop) => throw new InvalidOperationException("There is one thread.");

    public override bool JoinThread(string name, TimeSpan timeout) => true;

    public override long NextRandom() => Chance.NextInt64();

    public override Guid NextGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        Chance.NextBytes(bytes);
        return new Guid(bytes);
    }

    private Random Chance => _random ??= new Random(seed);
}
