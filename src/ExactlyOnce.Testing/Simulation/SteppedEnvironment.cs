using System.IO.Pipelines;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>One thread, a clock that stands still, chance from a seed, completions inline.</summary>
internal sealed class SteppedEnvironment(IDisk disk, int seed = 1) : BrokerEnvironment
{
    private readonly Random _random = new(seed);

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.UnixEpoch.AddDays(20_000));

    public override TimeProvider Time => Clock;

    public override IDisk Disk => disk;

    public override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    public override PipeScheduler Completions => PipeScheduler.Inline;

    public override bool IsThreaded => false;

    public override void StartThread(string name, Action loop) => throw new InvalidOperationException("There is one thread.");

    public override bool JoinThread(string name, TimeSpan timeout) => true;

    public override long NextRandom() => _random.NextInt64(long.MinValue, long.MaxValue);

    public override Guid NextGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        _random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
