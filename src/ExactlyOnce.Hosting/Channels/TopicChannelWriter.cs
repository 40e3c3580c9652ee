using System.Threading.Channels;

namespace ExactlyOnce.Hosting.Channels;

/// <summary>
/// A topic as the writing half of a channel. <see cref="WriteAsync"/> returns when the item is stored as durably as the broker is. <see cref="TryWrite"/>
/// cannot wait: the item is accepted and written behind it; it answers false while an earlier one still waits for buffer space. When an accepted item could not
/// be written, it answers false until the next wait has told why. Thread-safe.
/// </summary>
internal sealed class TopicChannelWriter<T>(Producer<NoKey, T> producer, ChannelEnd end) : ChannelWriter<T>
{
    private Task _accepting = Task.CompletedTask;
    private Exception? _failure;
    private Exception? _error;
    private int _posted;
    private int _isComplete;

    public override bool TryWrite(T item)
    {
        if (Volatile.Read(ref _isComplete) != 0 || Volatile.Read(ref _failure) is not null || !Volatile.Read(ref _accepting).IsCompleted)
            return false;
        var posting = producer.PostAsync(item);
        if (!posting.IsCompletedSuccessfully)
        {
            var accepting = posting.AsTask();
            // Refused at once, nothing was accepted: the caller is told as by the serializer.
            if (accepting.IsFaulted)
                accepting.GetAwaiter().GetResult();
            Remember(accepting);
        }
        if (Interlocked.Increment(ref _posted) == 1)
            _ = WatchAsync();
        return true;
    }

    public override async ValueTask<bool> WaitToWriteAsync(CancellationToken cancellationToken = default)
    {
        await Volatile.Read(ref _accepting).WaitAsync(cancellationToken).ConfigureAwait(false);
        if (Interlocked.Exchange(ref _failure, null) is { } failure)
            throw failure;
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
        var accepting = NoteAsync(() => new ValueTask(posting));
        Task seen;
        do
            seen = Volatile.Read(ref _accepting);
        while (Interlocked.CompareExchange(ref _accepting, seen.IsCompleted ? accepting : Task.WhenAll(seen, accepting), seen) != seen);
    }

    // One flush at a time sees to everything that was accepted meanwhile: what is posted and not awaited would otherwise fail where nobody looks.
    private async Task WatchAsync()
    {
        int seen;
        do
        {
            seen = Volatile.Read(ref _posted);
            await Volatile.Read(ref _accepting).ConfigureAwait(false);
            await NoteAsync(() => producer.FlushAsync()).ConfigureAwait(false);
        }
        while (Interlocked.Add(ref _posted, -seen) != 0);
    }

    private async Task NoteAsync(Func<ValueTask> write)
    {
        try
        {
            await write().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, exception, null);
        }
    }

    // The reader may end only behind the last item.
    private async Task EndAsync(Exception? error)
    {
        await Volatile.Read(ref _accepting).ConfigureAwait(false);
        await NoteAsync(() => producer.FlushAsync()).ConfigureAwait(false);
        end.Complete(error ?? Volatile.Read(ref _failure));
    }
}
