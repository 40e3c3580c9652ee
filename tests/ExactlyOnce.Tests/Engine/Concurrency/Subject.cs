using System.Diagnostics;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// Something of the engine that threads take steps on. It is given an engine by the first step and leaves it when it is compared for the first time; what it
/// answered, and when, is kept.
/// </summary>
internal abstract class Subject<TStep>(EngineShare share)
    where TStep : class
{
    private static readonly long s_meetingTicks = Stopwatch.Frequency / 5_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<TStep, Taken> _taken = new(ReferenceEqualityComparer.Instance);
    private ThreadedEngine? _engine;
    private string? _finalState;
    private int _arrivals;
    private long _time;

    protected ThreadedEngine Engine => _engine ?? throw new InvalidOperationException("No step was taken.");

    public void Take(TStep step)
    {
        OpenOnce();
        Meet();
        var begun = Interlocked.Increment(ref _time);
        var answer = AnswerOrDiscard(step);
        var answered = Interlocked.Increment(ref _time);
        lock (_lock)
            _taken.Add(step, new Taken(begun, answered, answer));
    }

    /// <summary>Whether the model was given the steps in an order that explains every answer, the final state, and what came before what.</summary>
    public bool AgreesWith(SequentialModel<TStep> model)
    {
        lock (_lock)
            _finalState ??= Finish();
        var latestBegun = 0L;
        foreach (var (step, answer) in model.Taken)
        {
            var taken = _taken[step];
            if (taken.Answer != answer || taken.Answered < latestBegun)
                return false;
            latestBegun = Math.Max(latestBegun, taken.Begun);
        }
        return _finalState == model.State;
    }

    public override string ToString()
    {
        lock (_lock)
            return string.Join("; ", _taken.OrderBy(taken => taken.Value.Begun).Select(taken => $"{taken.Key} [{taken.Value.Begun}-{taken.Value.Answered}] → {taken.Value.Answer}")) +
                $"; finally {_finalState}";
    }

    /// <summary>Makes what the steps need.</summary>
    protected abstract void Prepare(ThreadedEngine engine);

    protected abstract string Answer(TStep step);

    /// <summary>What is there when nobody does anything any more.</summary>
    protected abstract string ReadState();

    private void OpenOnce()
    {
        lock (_lock)
        {
            if (_engine is not null)
                return;
            _engine = share.Open();
            Prepare(_engine);
        }
    }

    private string AnswerOrDiscard(TStep step)
    {
        try
        {
            return Answer(step);
        }
        catch
        {
            Engine.Discard();
            throw;
        }
    }

    private string Finish()
    {
        OpenOnce();
        try
        {
            return ReadState();
        }
        catch
        {
            Engine.Discard();
            throw;
        }
        finally
        {
            Engine.Dispose();
        }
    }

    /// <summary>
    /// Steps are short and threads start slowly: every second arrival waits a moment for the next, so that the two take their steps at the same time.
    /// </summary>
    private void Meet()
    {
        var arrival = Interlocked.Increment(ref _arrivals);
        if (arrival % 2 == 0)
            return;
        var began = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref _arrivals) == arrival && Stopwatch.GetTimestamp() - began < s_meetingTicks)
            Thread.SpinWait(1);
    }

    private readonly record struct Taken(long Begun, long Answered, string Answer);
}
