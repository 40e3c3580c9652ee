using System.Diagnostics;
using System.Runtime.ExceptionServices;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Testing.Brokers;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing;

/// <summary>
/// A broker for one test: in memory, on a clock of its own, with faults where the test wants them. It knows no test framework, costs microseconds, and shares
/// nothing with any other, so that every test has its own and all of them run at once.
/// </summary>
/// <remarks>
/// It stands for a process. What is started with <see cref="Run(Func{Broker, Pipeline})"/> runs in it, dies with it when a fault crashes it, and is started
/// again with the next life, on the broker as it was acknowledged. Pipelines and subscriptions make their steps while the test waits in
/// <see cref="RunUntilIdleAsync(CancellationToken)"/>, one after the other. May be used from several threads.
/// </remarks>
/// <example><code>
/// await using var test = TestBroker.Create();
/// test.Faults.At(FaultPoint.BeforeCommit).CrashOnce();
/// await test.Broker.PublishAsync(Topics.Orders, "customer-7", new Order("o-1", 12.50m));
/// test.Run(Billing.CreatePipeline);
/// await test.RunUntilIdleAsync();
/// Assert.Single(test.Committed(Topics.Invoices));
/// </code></example>
public sealed class TestBroker : IAsyncDisposable
{
    /// <summary>More crashes than this without a quiet moment are a plan that lets nothing run.</summary>
    private const int CrashesMax = 1_000;

    private readonly TestBrokerOptions _options;
    private readonly BrokerOptions _brokerOptions = new();
    private readonly TestClock _clock;
    private readonly TestScheduler _scheduler = new();
    private readonly EngineBackend _engine;
    private readonly HistoryWriter? _history;
    private readonly List<TestApplication> _applications = [];
    private readonly Lock _lock = new();
    private Broker? _reader;
    private volatile TestBackend _life;
    private volatile Broker _broker;
    private int _crashes;
    private bool _isDisposed;

    private TestBroker(TestBrokerOptions options)
    {
        _options = options;
        _clock = new TestClock(options.StartTime);
        options.ConfigureBroker?.Invoke(_brokerOptions);
        if (_brokerOptions.Directory is not null || _brokerOptions.TimeProvider is not null)
            throw new InvalidRequestException(ErrorCode.InvalidConfig, "A TestBroker is in memory and has a clock of its own: leave BrokerOptions.Directory and TimeProvider out.");
        _brokerOptions.Environment = new TestEnvironment(_clock, _scheduler, options.Seed, _brokerOptions.LoggerFactory);
        _brokerOptions.Validate();
        _engine = (EngineBackend)BackendOpening.OpenInMemory(_brokerOptions);
        _history = options.KeepsHistory ? new HistoryWriter(_clock, _engine) : null;
        (_life, _broker) = Live();
    }

    /// <summary>The broker, as what runs now sees it. After a crash it is another object: ask for it again.</summary>
    public Broker Broker
    {
        get
        {
            Revive();
            return _broker;
        }
    }

    /// <summary>What is to go wrong.</summary>
    public FaultPlan Faults { get; } = new();

    /// <summary>
    /// The test's clock, for the code under test. It stands still until <see cref="AdvanceAsync"/>, or until the only thing left to do is to wait for a retry.
    /// </summary>
    public TimeProvider Time => _clock;

    /// <summary>How often the process has died.</summary>
    public int Crashes => Volatile.Read(ref _crashes);

    /// <summary>Everything that was asked of the broker and answered, in order.</summary>
    /// <exception cref="InvalidOperationException"><see cref="TestBrokerOptions.KeepsHistory"/> is false.</exception>
    public IReadOnlyList<HistoryEvent> History => Kept.Events;

    private HistoryWriter Kept => _history ?? throw new InvalidOperationException("This test broker keeps no history: TestBrokerOptions.KeepsHistory is false.");

    /// <summary>Makes a broker for a test. Dispose of it at the test's end.</summary>
    /// <param name="configure">Sets options.</param>
    public static TestBroker Create(Action<TestBrokerOptions>? configure = null)
    {
        var options = new TestBrokerOptions();
        configure?.Invoke(options);
        return new TestBroker(options);
    }

    /// <summary>Runs a pipeline until the test ends, and anew after each crash.</summary>
    /// <param name="createPipeline">Creates it; called once in every life of the process.</param>
    public void Run(Func<Broker, Pipeline> createPipeline)
    {
        ArgumentNullException.ThrowIfNull(createPipeline);
        Run(
            async (broker, cancellationToken) =>
            {
                await using var pipeline = createPipeline(broker);
                await pipeline.RunAsync(cancellationToken).ConfigureAwait(false);
            },
            hasLoops: false);
    }

    /// <summary>
    /// Runs anything that works with the broker until the test ends, and anew after each crash: a loop over a consumer, a hosted service, several pipelines.
    /// </summary>
    /// <param name="application">Runs until its token is cancelled, or until it is done. What it throws is thrown by the next
    /// <see cref="RunUntilIdleAsync(CancellationToken)"/>.</param>
    public void Run(Func<Broker, CancellationToken, Task> application)
    {
        ArgumentNullException.ThrowIfNull(application);
        Run(application, hasLoops: true);
    }

    private void Run(Func<Broker, CancellationToken, Task> application, bool hasLoops)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        Revive();
        var started = new TestApplication(application, _scheduler, hasLoops);
        lock (_lock)
            _applications.Add(started);
        started.Start(_broker);
    }

    /// <summary>
    /// Lets everything run until nothing is left to do: no step can be made, no handler is at work, and no client waits for a retry or for a batch to fill.
    /// That is a fact of the broker and not a matter of time; on the test's clock as much time passes as the retries need. Records of open transactions are not
    /// waited for, nor is a partition that a pipeline has stopped at.
    /// </summary>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="TimeoutException">A handler has not come back: the message says which one and what it may be waiting for.</exception>
    /// <exception cref="InvalidOperationException">Called in a handler, or the fault plan crashes everything again and again.</exception>
    public Task RunUntilIdleAsync(CancellationToken cancellationToken = default) => DriveAsync(isToBeIdle: true, cancellationToken);

    /// <summary>
    /// Moves the test's clock: what is due on the way (timeouts, retries, expiry, the code under test's own timers) happens at its time, and has its effects
    /// before the next. Handlers that wait for something outside of the broker are not waited for.
    /// </summary>
    /// <param name="by">How far.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task AdvanceAsync(TimeSpan by, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        var target = _clock.GetTimestamp() + by.Ticks;
        await DriveAsync(isToBeIdle: false, cancellationToken).ConfigureAwait(false);
        while (_clock.NextTicks is { } next && next <= target)
        {
            _clock.MoveTo(next);
            await DriveAsync(isToBeIdle: false, cancellationToken).ConfigureAwait(false);
        }
        _clock.MoveTo(target);
        _engine.Engine.Housekeeping.Run();
        await DriveAsync(isToBeIdle: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The process dies now, and starts again.</summary>
    public void Crash()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _life.Die("TestBroker.Crash was called");
        Revive();
    }

    /// <summary>What a new reader of committed records is given of a topic: all of it, partition by partition. Empty when there is no such topic.</summary>
    /// <param name="topic">The topic.</param>
    public IReadOnlyList<ConsumerRecord<TKey, TValue>> Committed<TKey, TValue>(Topic<TKey, TValue> topic) => Read(topic, IsolationLevel.ReadCommitted);

    /// <summary>What stands in a topic, open and aborted transactions included.</summary>
    /// <param name="topic">The topic.</param>
    public IReadOnlyList<ConsumerRecord<TKey, TValue>> Uncommitted<TKey, TValue>(Topic<TKey, TValue> topic) => Read(topic, IsolationLevel.ReadUncommitted);

    /// <summary>
    /// Looks through the <see cref="History"/> and the log for broken promises: records lost, doubled or invented, torn transactions, zombies. Empty when there
    /// are none, as it should be.
    /// </summary>
    /// <exception cref="InvalidOperationException"><see cref="TestBrokerOptions.KeepsHistory"/> is false.</exception>
    public IReadOnlyList<Violation> FindViolations() => Kept.Check();

    /// <summary>Throws when <see cref="FindViolations"/> finds any.</summary>
    /// <exception cref="InvariantViolatedException">It did; the message lists them.</exception>
    public void VerifyInvariants()
    {
        if (FindViolations() is { Count: > 0 } violations)
            throw new InvariantViolatedException(violations);
    }

    /// <summary>Stops what runs and closes the broker.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _scheduler.Attend();
        await DrivenAsync(StopAsync()).ConfigureAwait(false);
        _scheduler.Stop();
    }

    private async Task StopAsync()
    {
        foreach (var application in _applications)
        {
            await application.StopAsync(_brokerOptions.CloseTimeout, _clock.Clients).ConfigureAwait(false);
            application.Dispose();
        }
        await _broker.DisposeAsync().ConfigureAwait(false);
        if (_reader is not null)
            await _reader.DisposeAsync().ConfigureAwait(false);
        await _engine.DisposeAsync().ConfigureAwait(false);
    }

    private async Task DrivenAsync(Task task)
    {
        while (!task.IsCompleted)
        {
            var changed = _scheduler.Changed;
            if (_scheduler.Drain() || _clock.Ring())
                continue;
            try
            {
                await Task.WhenAny(task, changed).WaitAsync(_options.Patience).ConfigureAwait(false);
            }
            catch (TimeoutException) when (_clock.NextClientTicks is { } next)
            {
                // A handler that does not return is left behind when the test's patience ends: the clients' own timeouts then have passed.
                _clock.MoveTo(next);
            }
        }
        await task.ConfigureAwait(false);
    }

    private async Task DriveAsync(bool isToBeIdle, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_scheduler.IsDriving)
            throw new InvalidOperationException("A handler cannot wait for the test broker to be idle: it would wait for itself. Call this from the test.");
        var crashes = _crashes;
        var isFirst = _scheduler.Attend();
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var changed = _scheduler.Changed;
                if (_scheduler.Drain() || Ring() || Revive())
                {
                    if (_crashes - crashes > CrashesMax)
                        throw new InvalidOperationException($"The process has died {CrashesMax} times and got nowhere: plan fewer crashes. Left: {string.Join("; ", Faults.Pending)}.");
                    continue;
                }
                ThrowIfApplicationFailed();
                if (!isToBeIdle)
                    return;
                if (IsAtWork())
                    await WaitAsync(changed, cancellationToken).ConfigureAwait(false);
                else if (FindLeaving() is { } leaving)
                    await leaving.WaitForEndAsync(changed).ConfigureAwait(false);
                else if (_clock.NextClientTicks is { } next)
                    _clock.MoveTo(next);
                else
                {
                    // Once more: whoever was at work a moment ago may have ended since.
                    ThrowIfApplicationFailed();
                    return;
                }
            }
        }
        finally
        {
            if (isFirst)
                _scheduler.Leave();
        }
    }

    private bool Ring()
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return _clock.Ring();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private bool IsAtWork()
    {
        if (_life.HandlersAtWork > 0)
            return true;
        lock (_lock)
            return _applications.Exists(application => application.IsAtWork && !application.Running.IsCompleted);
    }

    private LoopState? FindLeaving()
    {
        lock (_lock)
            return _applications.Find(application => application.Leaving is not null)?.Leaving;
    }

    private void ThrowIfApplicationFailed()
    {
        lock (_lock)
            foreach (var application in _applications)
                if (application.Failure is { } failure && !IsDeath(failure))
                    ExceptionDispatchInfo.Throw(failure);
    }

    private static bool IsDeath(Exception failure) => failure is BrokerCrashedException;

    private async Task WaitAsync(Task changed, CancellationToken cancellationToken)
    {
        try
        {
            await changed.WaitAsync(Debugger.IsAttached ? Timeout.InfiniteTimeSpan : _options.Patience, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            var who = _life.HandlersAtWork > 0 ? _life.LastHandler : "a loop over a consumer";
            throw new TimeoutException(
                $"Still at work after {_options.Patience}: {who}. It waits for something outside of the broker, or for the test's clock, which only AdvanceAsync moves for it.", exception);
        }
    }

    private (TestBackend Life, Broker Broker) Live()
    {
        var life = new TestBackend(_engine, _clock, _scheduler, Faults, _history);
        return (life, new Broker(life, _brokerOptions));
    }

    /// <summary>What opening does after a crash: transactions that nobody can end any more are aborted, members that cannot come back are forgotten.</summary>
    private bool Revive()
    {
        if (!_life.IsDead)
            return false;
        TestApplication[] applications;
        lock (_lock)
        {
            if (!_life.IsDead || _isDisposed)
                return false;
            _crashes++;
            var engine = _engine.Engine;
            engine.Transactions.AbortAfterRestart(engine.NowMs);
            engine.Groups.ForgetMembersAfterRestart(engine.NowMs);
            _life.Bury();
            engine.TransactionEnded.Pulse();
            engine.GroupSessions.NotifyAll();
            (_life, _broker) = Live();
            _history?.Reopened();
            applications = [.. _applications];
        }
        foreach (var application in applications)
            application.Kill();
        foreach (var application in applications)
            application.Start(_broker);
        return true;
    }

    private List<ConsumerRecord<TKey, TValue>> Read<TKey, TValue>(Topic<TKey, TValue> topic, IsolationLevel isolation)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_engine.TryGetTopic(topic.Name) is null)
            return [];
        Broker reader;
        lock (_lock)
            reader = _reader ??= new Broker(_engine, _brokerOptions);
        return ReadAsync(reader, topic, isolation).GetAwaiter().GetResult();
    }

    // Everything is there and in memory: this never waits.
    private static async Task<List<ConsumerRecord<TKey, TValue>>> ReadAsync<TKey, TValue>(Broker reader, Topic<TKey, TValue> topic, IsolationLevel isolation)
    {
        var records = new List<ConsumerRecord<TKey, TValue>>();
        await using var consumer = reader.CreateConsumer(topic).WithIsolation(isolation).StartFrom(StartFrom.Earliest).Build();
        await foreach (var record in consumer.ReadToEndAsync().ConfigureAwait(false))
            records.Add(record);
        records.Sort((left, right) => (left.Partition, left.Offset).CompareTo((right.Partition, right.Offset)));
        return records;
    }
}
