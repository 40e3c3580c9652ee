using System.Threading.Channels;

namespace ExactlyOnce.Hosting.Channels;

/// <summary>
/// A topic as the writing half of a channel. <see cref="WriteAsync"/> returns when the item is stored as durably as the broker is. <see cref="TryWrite"/> cannot wait: the item is accepted and
/// written behind it; it answers false while an earlier one still waits for buffer space. An item that could not be written fails the next wait. Thread-safe.
/// </summary>
internal sealed class TopicChannelWriter<T>(Producer<NoKey, T> producer, ChannelEnd end) : ChannelWriter<T>
{
    private Task _pending = Task.CompletedTask;
    private Exception? _error;
    private int _isComplete;

    public override bool TryWrite(T item)
    {
        var pending = Volatile.Read(ref _pending);
        if (Volatile.Read(ref _isComplete) != 0 || !pending.IsCompletedSuccessfully)
            return false;
        var posting = producer.PostAsync(item);
        if (!posting.IsCompletedSuccessfully)
            Remember(posting.AsTask());
        return true;
    }

    public override async ValueTask<bool> WaitToWriteAsync(CancellationToken cancellationToken = default)
    {
        await Volatile.Read(ref _pending).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (Volatile.Read(ref _isComplete) == 0)
            return true;
        return _error is null ? false : throw _error;
    }

    public override async ValueTask WriteAsync(T item, CancellationToken cancellationToken = default)
    {
        if (Volatile.Read(ref _isComplete) != 0)
            throw new ChannelClosedException(_error);
        await producer.SendAsync(item, cancellationToken).ConfigureAwait(false);
    }

    public override bool TryComplete(Exception? error = null)
    {
        if (Interlocked.CompareExchange(ref _isComplete, 1, 0) != 0)
            return false;
        _error = error;
        _ = EndAsync(error);
        return true;
    }

    private void Remember(Task posting)
    {
        Task seen;
        do
            seen = Volatile.Read(ref _pending);
        while (Interlocked.CompareExchange(ref _pending, seen.IsCompletedSuccessfully ? posting : Task.WhenAll(seen, posting), seen) != seen);
    }

    // The reader may end only behind the last item.
    private async Task EndAsync(Exception? error)
    {
        try
        {
            await _pending.ConfigureAwait(false);
            await producer.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            error ??= exception;
        }
        end.Complete(error);
    }
}
