using System.IO.Pipelines;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// One at a time, first come first served, across awaits. A consumer's loop holds its turn while it is inside the library and gives it back while the
/// caller works on a batch, so that disposing waits for the one and not for the other. Whoever waited goes on on the scheduler, never on the stack of the one
/// that leaves.
/// </summary>
internal sealed class Turn(PipeScheduler scheduler)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private bool _isTaken;

    /// <summary>Takes the turn when nobody has it.</summary>
    public bool TryEnter()
    {
        lock (_lock)
            return !_isTaken && (_isTaken = true);
    }

    public ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LinkedListNode<TaskCompletionSource> place;
        lock (_lock)
        {
            if (!_isTaken)
            {
                _isTaken = true;
                return default;
            }
            place = _waiting.AddLast(new TaskCompletionSource());
        }
        return new ValueTask(WaitAsync(place, cancellationToken));
    }

    public void Exit()
    {
        TaskCompletionSource? next = null;
        lock (_lock)
        {
            if (_waiting.First is { } first)
            {
                next = first.Value;
                _waiting.RemoveFirst();
            }
            else
            {
                _isTaken = false;
            }
        }
        if (next is not null)
            scheduler.Schedule(static state => ((TaskCompletionSource)state!).SetResult(), next);
    }

    private async Task WaitAsync(LinkedListNode<TaskCompletionSource> place, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(_ => Leave(place, cancellationToken), null);
        await place.Value.Task.ConfigureAwait(false);
    }

    // Taken out of the line under the lock, so a turn is never handed to somebody who has left.
    private void Leave(LinkedListNode<TaskCompletionSource> place, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (place.List is null)
                return;
            _waiting.Remove(place);
        }
        place.Value.SetCanceled(cancellationToken);
    }
}
