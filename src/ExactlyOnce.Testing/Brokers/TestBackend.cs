using System.IO.Pipelines;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine.Backend;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>
/// One life of the process that a test broker stands for: the engine, as long as the process lives. Faults strike here, in front of and behind the engine's own
/// calls, and what was asked and answered goes into the history. After <see cref="Die"/> every call throws <see cref="Death"/> and reaches nothing; the next
/// life is another object over the same engine. Thread-safe.
/// </summary>
internal sealed partial class TestBackend : BrokerBackend
{
    private static readonly AsyncLocal<LoopState?> s_loop = new();

    private readonly EngineBackend _inner;
    private readonly TestClock _clock;
    private readonly TestScheduler _scheduler;
    private readonly FaultPlan _faults;
    private readonly Lock _lock = new();
    private Dictionary<object, ReadSignal>? _wakeAtDeath;
    private Dictionary<string, TimeSpan>? _timeouts;
    private List<GroupSession>? _members;
    private volatile BrokerCrashedException? _death;
    private int _handlers;
    private string? _lastHandler;

    public TestBackend(EngineBackend inner, TestClock clock, TestScheduler scheduler, FaultPlan faults, HistoryWriter? history)
    {
        _inner = inner;
        _clock = clock;
        _scheduler = scheduler;
        _faults = faults;
        History = history;
    }

    /// <summary>The engine, which outlives this.</summary>
    public EngineBackend Inner => _inner;

    public HistoryWriter? History { get; }

    public BrokerCrashedException? Death => _death;

    public bool IsDead => _death is not null;

    /// <summary>Handlers that were called and have not returned.</summary>
    public int HandlersAtWork => Volatile.Read(ref _handlers);

    /// <summary>The handler that was called last, for people.</summary>
    public string? LastHandler => _lastHandler;

    /// <summary>The loops of the application that runs now; null when the test itself runs.</summary>
    public static LoopState? CurrentLoop => s_loop.Value;

    public override TimeProvider Time => _clock.Clients;

    public override ILoggerFactory LoggerFactory => _inner.LoggerFactory;

    public override PipeScheduler Completions => _inner.Completions;

    public override ICompressionCodec GetCodec(CompressionType type) => _inner.GetCodec(type);

    /// <summary>What is started from here on, in this flow of control, is the application of <paramref name="loop"/>.</summary>
    public static void Enter(LoopState? loop) => s_loop.Value = loop;

    public void ThrowIfDead()
    {
        if (_death is { } death)
            throw new BrokerCrashedException(death.Message, death);
    }

    /// <summary>The process dies: nothing of it reaches the broker any more, and whoever waits is told.</summary>
    public void Die(string how)
    {
        ReadSignal[] signals;
        lock (_lock)
        {
            if (_death is not null)
                return;
            _death = new BrokerCrashedException($"The process has died, as the test planned it: {how}. What runs in it has to be started again, on TestBroker.Broker.");
            signals = _wakeAtDeath is null ? [] : [.. _wakeAtDeath.Values];
            _wakeAtDeath = null;
        }
        History?.Died(how);
        foreach (var signal in signals)
            signal.Set();
        _scheduler.Pulse();
    }

    /// <summary>Members in this process are no longer there after a restart: nobody has to wait for them.</summary>
    public void Bury()
    {
        List<GroupSession> members;
        lock (_lock)
            members = _members ?? [];
        // In memory nothing is waited for; who has left before leaves no more.
        foreach (var member in members)
            member.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    public void WakeAtDeath(object waiting, ReadSignal signal)
    {
        _scheduler.Own(signal);
        lock (_lock)
            if (_death is null)
                (_wakeAtDeath ??= new(ReferenceEqualityComparer.Instance))[waiting] = signal;
    }

    public void Forget(object waiting)
    {
        lock (_lock)
            _wakeAtDeath?.Remove(waiting);
    }

    /// <summary>Somebody passes a point; what the plan has for it happens.</summary>
    public Passing Pass(FaultPoint point, string? topic, ProducerSession? session) => Pass(point, topic, session?.TransactionalId ?? session?.Name, session?.TransactionalId);

    public override void EnterHandler(string? client, TopicPartition partition)
    {
        CurrentLoop?.Handed(partition);
        ThrowIfDead();
        Throw(Pass(FaultPoint.BeforeHandler, partition.Topic, client, client));
        Interlocked.Increment(ref _handlers);
        _lastHandler = $"the handler of {(client is null ? "a subscription" : $"'{client}'")} on {partition}";
    }

    /// <summary>
    /// A handler that has waited for something outside comes back on any thread. What follows (the commit, the wait for the next records) is a step again, and
    /// the handler at work until then: otherwise the broker would look idle in between.
    /// </summary>
    public override PipeScheduler? BehindHandler => _scheduler.IsDriving ? null : _scheduler;

    public override void LeaveHandler(string? client, TopicPartition partition, bool isSuccess)
    {
        if (Interlocked.Decrement(ref _handlers) == 0)
            _scheduler.Pulse();
        if (!isSuccess)
            return;
        ThrowIfDead();
        var passing = Pass(FaultPoint.AfterHandler, partition.Topic, client, client);
        Throw(passing);
        if (passing.Action == FaultAction.Duplicate)
            throw new TransactionAbortableException($"What '{client}' made of {partition} is rolled back and its records come again, as the test planned it.");
    }

    private static void Throw(in Passing passing)
    {
        if (passing.Failure is FaultCarrier carrier)
            throw carrier.Planned;
        if (passing.Failure is { } failure)
            throw failure;
    }

    private Passing Pass(FaultPoint point, string? topic, string? client, string? transactionalId)
    {
        if (_faults.Pass(point, topic, client, mayFence: transactionalId is not null) is not { } rule)
            return default;
        switch (rule.Action)
        {
            case FaultAction.Crash:
                Die($"{point}{(topic is null ? "" : $" on '{topic}'")}{(client is null ? "" : $" by '{client}'")}");
                return new Passing(rule.Action, _death);
            case FaultAction.Fence:
                Fence(transactionalId!);
                return new Passing(rule.Action, null);
            case FaultAction.TimeOut:
                TimeOut(transactionalId!);
                return new Passing(rule.Action, null);
            case FaultAction.Throw:
                return new Passing(rule.Action, rule.Exception as BrokerException ?? new FaultCarrier(rule.Exception!));
            default:
                return new Passing(rule.Action, null);
        }
    }

    // In memory nothing is waited for: the task is complete when it is there.
    private void Fence(string transactionalId)
    {
        var taken = _inner.InitProducerAsync(new ProducerRequest { TransactionalId = transactionalId }, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        History?.Opened(taken);
    }

    private void TimeOut(string transactionalId)
    {
        TimeSpan timeout;
        lock (_lock)
            if (_timeouts is null || !_timeouts.TryGetValue(transactionalId, out timeout))
                timeout = new ProducerRequest().TransactionTimeout;
        _clock.Jump(timeout + TimeSpan.FromMilliseconds(2));
        _inner.Engine.MeetDeadlines();
    }

    /// <summary>An exception of any kind on its way to the handler's place.</summary>
    private sealed class FaultCarrier(Exception planned) : BrokerException(ErrorCode.HandlerFailed, planned.Message, planned)
    {
        public Exception Planned => InnerException!;

        public override ErrorRecovery Recovery => ErrorRecovery.Stop;
    }
}
