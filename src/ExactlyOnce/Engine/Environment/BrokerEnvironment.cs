using System.IO.Pipelines;
using ExactlyOnce.Engine.Disk;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Engine.Environment;

/// <summary>
/// Everything a broker takes from the machine: time, chance, scheduling, disk, log. Production, tests and the simulator differ in this one object.
/// </summary>
internal abstract class BrokerEnvironment
{
    private readonly BrokerClock _clock = new();
    private Reading? _last;

    public abstract TimeProvider Time { get; }

    public abstract IDisk Disk { get; }

    public abstract ILoggerFactory LoggerFactory { get; }

    /// <summary>Where completions run that may reach user code; never the journal thread, never under a lock.</summary>
    public abstract PipeScheduler Completions { get; }

    /// <summary>
    /// True when the journal and the maintenance work have threads of their own. False when there is one thread: then whoever enqueues a frame
    /// also writes and syncs it, after releasing every lock, and maintenance runs when it is called.
    /// </summary>
    public abstract bool IsThreaded { get; }

    /// <summary>
    /// True when somebody else makes every step of the journal, one at a time: then enqueuing writes nothing, and only who must not return before something is
    /// durable (opening, checkpoint, close) drives the journal itself. Only where <see cref="IsThreaded"/> is false.
    /// </summary>
    public virtual bool IsJournalStepped => false;

    /// <summary>Starts a named background thread; only called when <see cref="IsThreaded"/>.</summary>
    public abstract void StartThread(string name, Action loop);

    /// <summary>Waits until the thread that <see cref="StartThread"/> started under this name has ended, at most <paramref name="timeout"/>.</summary>
    public abstract bool JoinThread(string name, TimeSpan timeout);

    /// <summary>
    /// Carries out pieces of work that wait for the disk, 0 to <paramref name="count"/> − 1, each once, and returns when all are done: side by side where there
    /// are threads, one after the other where there is one. The first failure ends it and is thrown when no piece is under way any more.
    /// </summary>
    public virtual void ForEach(int count, Action<int> work)
    {
        for (var piece = 0; piece < count; piece++)
            work(piece);
    }

    /// <summary>A 64-bit random number; seeded in the simulator.</summary>
    public abstract long NextRandom();

    /// <summary>A new random identifier (topic ids, member ids).</summary>
    public abstract Guid NextGuid();

    /// <summary>
    /// Broker time, Unix milliseconds: what deadlines and idle times are counted by. The wall clock, except that it does not jump back when that one is set
    /// back. Read again when <see cref="Tick"/> has moved, so it may be late by one tick.
    /// </summary>
    public long NowMs
    {
        get
        {
            if (Tick is not { } tick)
                return ExactNowMs;
            var last = Volatile.Read(ref _last);
            if (last is null || last.Tick != tick)
                Volatile.Write(ref _last, last = new Reading(tick, ExactNowMs));
            return last.BrokerMs;
        }
    }

    /// <summary>The same to the millisecond: for what users compare with clocks of their own.</summary>
    public long ExactNowMs => _clock.Read(Time);

    /// <summary>A number that moves every few milliseconds and costs a fraction of a clock's reading; null where there is none.</summary>
    protected virtual long? Tick => null;

    /// <summary>From now on <see cref="NowMs"/> is not earlier: the wall clock was perhaps set back while no broker ran.</summary>
    public void NotBefore(long brokerMs)
    {
        _clock.NotBefore(brokerMs, Time);
        Volatile.Write(ref _last, null);
    }

    /// <summary>The wall clock, Unix milliseconds: for what is compared with the timestamps of records.</summary>
    public long WallMs => Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>What the clock said during a tick. Whoever writes an older one over a newer is corrected by the next tick.</summary>
    private sealed record Reading(long Tick, long BrokerMs);
}
