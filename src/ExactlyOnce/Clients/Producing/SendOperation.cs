using System.Threading.Tasks.Sources;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// One SendAsync that waits for its acknowledgement. Rented when its record enters an open batch, completed once with the batch, and given back to its pool
/// when the result was taken: a returned ValueTask must be awaited at most once, as always.
/// </summary>
internal sealed class SendOperation(SendOperationPool pool) : IValueTaskSource<RecordMetadata>
{
    private ManualResetValueTaskSourceCore<RecordMetadata> _source;
    private RecordMetadata _result;
    private Exception? _exception;

    /// <summary>The next operation of the same batch, or of the pool.</summary>
    public SendOperation? Next { get; set; }

    /// <summary>The record's position in its batch.</summary>
    public int Position { get; set; }

    /// <summary>The record's own timestamp, Unix milliseconds.</summary>
    public long TimestampMs { get; set; }

    /// <summary>The outcome is set, though perhaps not told yet.</summary>
    public bool IsDecided { get; private set; }

    /// <summary>The batch was finished on the stack of the call that started this operation, which takes the outcome by <see cref="TakeOutcome"/>.</summary>
    public bool IsFinishedInline { get; set; }

    public ValueTask<RecordMetadata> Task => new(this, _source.Version);

    public void SetOutcome(in RecordMetadata result)
    {
        _result = result;
        IsDecided = true;
    }

    public void SetOutcome(Exception exception)
    {
        _exception = exception;
        IsDecided = true;
    }

    /// <summary>Wakes the caller. May run user code: never under a lock.</summary>
    public void Complete()
    {
        if (_exception is null)
            _source.SetResult(_result);
        else
            _source.SetException(_exception);
    }

    /// <summary>The outcome as a completed task; the source is never awaited.</summary>
    public ValueTask<RecordMetadata> TakeOutcome()
    {
        var result = _result;
        var exception = _exception;
        Recycle();
        return exception is null ? new ValueTask<RecordMetadata>(result) : ValueTask.FromException<RecordMetadata>(exception);
    }

    public RecordMetadata GetResult(short token)
    {
        // Asking the status first throws for a stale token, before it could recycle an operation that is somebody else's by now.
        if (_source.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("The result of SendAsync was asked for before it was there; await it.");
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            Recycle();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Recycle()
    {
        _source.Reset();
        _exception = null;
        _result = default;
        IsDecided = false;
        IsFinishedInline = false;
        pool.Return(this);
    }
}
