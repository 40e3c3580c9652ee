using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// Engines with real threads and a clock that stands still, in memory or flushed to a disk in memory. Opening one takes longer than a sample, so many subjects
/// in turn are given the same one, each with names of its own; after an exception nobody is given it again. Thread-safe.
/// </summary>
internal sealed class EngineShare(Durability durability) : IDisposable
{
    private const int SubjectsPerEngine = 64;

    private readonly Lock _lock = new();
    private BrokerEngine? _engine;
    private int _subjects;
    private int _lastNumber;

    /// <summary>An engine, and a number that nobody else has.</summary>
    public ThreadedEngine Open()
    {
        lock (_lock)
        {
            if (_engine is null || _subjects++ == SubjectsPerEngine)
                Replace();
            return new ThreadedEngine(this, new EngineBackend(_engine!), ++_lastNumber);
        }
    }

    /// <summary>Something went wrong in it: what happens in it from now on says nothing.</summary>
    public void Discard(BrokerEngine engine)
    {
        lock (_lock)
            if (_engine == engine)
                _engine = null;
    }

    public void Dispose()
    {
        if (_engine is { } engine)
            ThreadedEngine.Wait(engine.CloseAsync());
    }

    private void Replace()
    {
        Dispose();
        _subjects = 1;
        _engine = BrokerEngine.Open(
            new SystemEnvironment(new FakeTimeProvider(), disk: new MemoryDisk()),
            new EngineOptions { Directory = durability == Durability.Memory ? null : "/broker", Durability = durability, JournalFileBytes = 1 << 20 });
    }
}
