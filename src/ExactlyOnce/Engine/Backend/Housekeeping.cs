using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Engine.Recovery;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// What a broker does for itself now and then: checkpoints, retention, expiry, vouching for an idle journal. With threads, on one of its own that sleeps until
/// the timer or back-pressure wakes it, and begins with the first time: a broker that lives for less costs no thread. Without, whenever <see cref="Run"/> is
/// called.
/// </summary>
internal sealed class Housekeeping : IDisposable
{
    private const string ThreadName = "ExactlyOnce housekeeping";

    private readonly BrokerEngine _engine;
    private readonly Checkpointer? _checkpointer;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly ITimer _timer;
    private long _nextFullRunMs;
    private long _lastCheckpointMs;
    private int _isWoken;
    private int _isStarted;
    private volatile bool _isStopping;
    private bool _hasThread;

    public Housekeeping(BrokerEngine engine, Checkpointer? checkpointer)
    {
        _engine = engine;
        _checkpointer = checkpointer;
        _lastCheckpointMs = engine.NowMs;
        _nextFullRunMs = engine.NowMs + FullIntervalMs;
        var tick = engine.Options.Durability == Durability.Memory ? engine.Options.HousekeepingInterval : engine.Options.SyncInterval;
        _timer = engine.Environment.Time.CreateTimer(static state => ((Housekeeping)state!).Wake(), this, tick, tick);
    }

    private long FullIntervalMs => (long)_engine.Options.HousekeepingInterval.TotalMilliseconds;

    public void Start() => _hasThread = _engine.Environment.IsThreaded;

    /// <summary>There is something to do: a tick, or the budget for unwritten bytes is used up.</summary>
    public void Wake()
    {
        if (!_hasThread || Interlocked.Exchange(ref _isWoken, 1) != 0)
            return;
        _wake.Release();
        if (Interlocked.Exchange(ref _isStarted, 1) != 0 || _isStopping)
            return;
        _engine.EnterStorage();
        _engine.Environment.StartThread(ThreadName, Loop);
    }

    /// <summary>One round, on this thread.</summary>
    public void Run()
    {
        var nowMs = _engine.NowMs;
        if (_engine.Journal.Failure is not null)
            return;
        _engine.Journal.SyncBehind();
        _engine.Journal.VouchIfIdle();
        if (_checkpointer is not null && IsCheckpointDue(nowMs))
            Checkpoint(nowMs);
        if (nowMs < _nextFullRunMs || _isStopping)
            return;
        _nextFullRunMs = nowMs + FullIntervalMs;
        _engine.ApplyRetention(_engine.Environment.WallMs);
        _engine.ExpireIdle(nowMs);
        _engine.ProjectInternalTopics(nowMs);
        _engine.CompactLogs(_engine.Environment.WallMs);
    }

    /// <summary>Ends the thread behind what it is at. False when that takes longer: it is at the disk then, and leaves the storage by itself.</summary>
    public bool TryStop(TimeSpan timeout)
    {
        _timer.Dispose();
        _isStopping = true;
        _wake.Release();
        return !_hasThread || _engine.Environment.JoinThread(ThreadName, timeout);
    }

    public void Dispose()
    {
        _timer.Dispose();
        _wake.Dispose();
    }

    private bool IsCheckpointDue(long nowMs) =>
        _engine.Congestion.IsCheckpointDue ||
        (nowMs - _lastCheckpointMs >= _engine.Options.CheckpointInterval.TotalMilliseconds && _engine.Journal.AppendedLsn > _checkpointer!.LastLsn);

    private void Checkpoint(long nowMs)
    {
        _lastCheckpointMs = nowMs;
        try
        {
            _engine.Checkpoint();
        }
        catch (BrokerException exception)
        {
            // Tried again at the next tick. Until then the journal keeps everything, and producers wait when it has as much as it may.
            EngineLog.CheckpointFailed(_engine.Log, exception);
        }
    }

    private void Loop()
    {
        while (!_isStopping)
        {
            _wake.Wait();
            Volatile.Write(ref _isWoken, 0);
            if (_isStopping)
                break;
            try
            {
                Run();
            }
            catch (BrokerException exception)
            {
                EngineLog.HousekeepingFailed(_engine.Log, exception);
            }
        }
        _engine.LeaveStorage();
    }
}
