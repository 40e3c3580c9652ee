using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>
/// One step at a time, in the order in which they came: on the thread of whoever drives the test broker, so that a test's own steps are not overtaken by what
/// they set in motion. A test that awaits a reader by itself drives nothing; for its sake steps that nobody makes for a while are made on the thread pool. Not
/// those of applications that the test broker runs: they wait for their test, however slow the machine is.
/// </summary>
internal sealed class TestScheduler : PipeScheduler
{
    /// <summary>Real time, and only to keep such a test from hanging: nothing is decided by it but who makes the next step.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly Lock _driving = new();
    private static readonly AsyncLocal<bool> s_isApplication = new();

    private readonly ConditionalWeakTable<object, object> _applicationStates = [];
    private Queue<Step> _steps = new(4);
    private TaskCompletionSource? _changed;
    private Timer? _timer;
    private bool _isAttended;
    private bool _isUnattended;
    private bool _isArmed;

    /// <summary>True in a step.</summary>
    public bool IsDriving => _driving.IsHeldByCurrentThread;

    /// <summary>Completes with the next step that comes, or <see cref="Pulse"/>. Take it before looking.</summary>
    public Task Changed
    {
        get
        {
            lock (_lock)
                return (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    public override void Schedule(Action<object?> action, object? state)
    {
        TaskCompletionSource? changed;
        lock (_lock)
        {
            var step = new Step(action, state, s_isApplication.Value || (state is not null && _applicationStates.TryGetValue(state, out _)));
            _steps.Enqueue(step);
            (changed, _changed) = (_changed, null);
            if (!_isAttended && !step.IsApplication)
                Arm();
        }
        changed?.SetResult();
    }

    /// <summary>What is started from here on, in this flow of control, belongs to an application.</summary>
    public static void EnterApplication() => s_isApplication.Value = true;

    /// <summary>What waits by this object belongs to whoever runs now, whoever wakes it.</summary>
    public void Own(object state)
    {
        if (s_isApplication.Value)
            _applicationStates.AddOrUpdate(state, this);
    }

    /// <summary>Something has changed that is no step.</summary>
    public void Pulse()
    {
        TaskCompletionSource? changed;
        lock (_lock)
            (changed, _changed) = (_changed, null);
        changed?.SetResult();
    }

    /// <summary>From here on somebody drives; false while it is the same somebody.</summary>
    public bool Attend()
    {
        lock (_lock)
        {
            if (_isAttended)
                return false;
            (_isAttended, _isUnattended) = (true, false);
            return true;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _isAttended = false;
            if (_steps.Any(step => !step.IsApplication))
                Arm();
        }
    }

    /// <summary>Makes all steps that are there, and those that come of them. False when there were none.</summary>
    public bool Drain() => Drain(isUnattended: false);

    private bool Drain(bool isUnattended)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            lock (_driving)
                return DrainSteps(isUnattended);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    public void Stop()
    {
        lock (_lock)
        {
            _timer?.Dispose();
            _timer = null;
            _isAttended = true;
        }
    }

    private bool DrainSteps(bool isUnattended)
    {
        var any = false;
        while (TryTake(isUnattended, out var step))
        {
            step.Action(step.State);
            any = true;
        }
        return any;
    }

    private bool TryTake(bool isUnattended, out Step step)
    {
        lock (_lock)
        {
            if (!isUnattended)
                return _steps.TryDequeue(out step);
            var kept = _steps.TakeWhile(each => each.IsApplication).Count();
            step = _steps.ElementAtOrDefault(kept);
            // By its place: the same step may stand here twice, and both are to be made.
            if (step.Action is not null)
                _steps = new Queue<Step>(_steps.Take(kept).Concat(_steps.Skip(kept + 1)));
            return step.Action is not null;
        }
    }

    // Once nobody drives, nobody waits for a second grace.
    private void Arm()
    {
        if (_isArmed)
            return;
        _isArmed = true;
        _timer ??= new Timer(static scheduler => ((TestScheduler)scheduler!).DriveUnattended(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(_isUnattended ? TimeSpan.Zero : s_grace, Timeout.InfiniteTimeSpan);
    }

    private void DriveUnattended()
    {
        lock (_lock)
        {
            _isArmed = false;
            if (_isAttended)
                return;
            _isUnattended = true;
        }
        Drain(isUnattended: true);
    }

    private readonly record struct Step(Action<object?> Action, object? State, bool IsApplication);
}
