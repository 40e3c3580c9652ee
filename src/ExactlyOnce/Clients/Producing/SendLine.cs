using System.IO.Pipelines;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The calls of one producer that found something missing, in their order: the producer's identity and the topic's partitions at first, later room or memory.
/// One at a time is tried again, and while anybody stands here nobody goes past: else records of calls that did not wait for each other would be written in
/// another order than the calls were made.
/// </summary>
internal sealed class SendLine(PipeScheduler completions)
{
    private readonly Lock _lock = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private bool _isTaken;

    /// <summary>Nobody stands here. Read without the lock: a caller knows of the calls that it has made itself.</summary>
    public bool IsEmpty => !Volatile.Read(ref _isTaken);

    /// <summary>Completes when it is the caller's turn; <see cref="Leave"/> must follow, unless it throws.</summary>
    public ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource turn;
        lock (_lock)
        {
            if (!_isTaken)
            {
                Volatile.Write(ref _isTaken, true);
                return default;
            }
            turn = new TaskCompletionSource();
            _waiting.Enqueue(turn);
        }
        return AwaitTurnAsync(turn, cancellationToken);
    }

    /// <summary>Lets the next one in, as a piece of work of its own.</summary>
    public void Leave()
    {
        TaskCompletionSource? next;
        lock (_lock)
        {
            if (!_waiting.TryDequeue(out next))
            {
                Volatile.Write(ref _isTaken, false);
                return;
            }
        }
        completions.Schedule(
            static state =>
            {
                var (line, turn) = ((SendLine, TaskCompletionSource))state!;
                if (!turn.TrySetResult())
                    line.Leave();
            },
            (this, next));
    }

    private async ValueTask AwaitTurnAsync(TaskCompletionSource turn, CancellationToken cancellationToken)
    {
        try
        {
            await turn.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Given up: it is passed over, unless it has come in this very moment.
            if (!turn.TrySetCanceled(cancellationToken))
                Leave();
            throw;
        }
    }
}
