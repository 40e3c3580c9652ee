using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kernel.Groups.Classic;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>
/// One JoinGroup or SyncGroup that may have to wait. Its continuation is a piece of work of its own on the completions scheduler, never on the stack of the
/// member that made the group ready.
/// </summary>
internal sealed class GroupWait(BrokerEngine engine) : TaskCompletionSource<(ClassicAnswer Answer, long Lsn)>, IClassicWaiter
{
    private ClassicAnswer? _answer;
    private long _lsn;
    private CancellationToken _cancelled;

    void IClassicWaiter.Answer(ClassicAnswer answer, long lsn)
    {
        _answer = answer;
        _lsn = lsn;
        engine.Environment.Completions.Schedule(static state => ((GroupWait)state!).Finish(), this);
    }

    void IClassicWaiter.Abandon() => engine.Environment.Completions.Schedule(static state => ((GroupWait)state!).Fail(), this);

    /// <summary>The answer, unless nobody wants it any more; the member stays what it has become.</summary>
    public async Task<(ClassicAnswer Answer, long Lsn)> AnswerAsync(CancellationToken cancellationToken)
    {
        _cancelled = cancellationToken;
        await using var registration = cancellationToken.UnsafeRegister(static state => ((GroupWait)state!).GiveUp(), this);
        return await Task;
    }

    private void GiveUp()
    {
        if (engine.Groups.StopWaiting(this))
            engine.Environment.Completions.Schedule(static state => ((GroupWait)state!).TrySetCanceled(((GroupWait)state!)._cancelled), this);
    }

    private void Fail() => TrySetException(engine.Journal.Failure is { } failure ? Refusals.Failed(failure) : Refusals.Closed());

    private void Finish() => TrySetResult((_answer!, _lsn));
}
