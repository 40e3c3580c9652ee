using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace ExactlyOnce.Hosting.Channels;

/// <summary>
/// A topic as the reading half of a channel, for one reader. The items of a batch count as done, and the group's position moves behind them, when the reader
/// asks for more after the last one: a crash before that brings the batch again. Begins to read at the first question; ends when the writer is complete and
/// everything was given and done. Owns its consumer.
/// </summary>
/// <remarks>
/// A second reader that asks for more would call done what the first is still at, and a crash would lose it. Who asks cannot be seen, but one reader never
/// waits twice at the same time.
/// </remarks>
internal sealed class TopicChannelReader<T>(Consumer<NoKey, T> consumer, ChannelEnd end) : ChannelReader<T>, IAsyncDisposable
{
    private const int ItemsMax = 1024;

    private readonly Channel<T> _items = Channel.CreateBounded<T>(new BoundedChannelOptions(ItemsMax) { SingleWriter = true });
    private readonly SemaphoreSlim _asked = new(0);
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private Task? _pump;
    private bool _isDisposed;
    private int _isWaiting;
    private long _given;
    private long _taken;
    private long _done;

    public override Task Completion => _items.Reader.Completion;

    public override bool CanCount => true;

    /// <summary>The items that have been fetched from the topic; there may be more in it.</summary>
    public override int Count => _items.Reader.Count;

    public override bool TryRead([MaybeNullWhen(false)] out T item)
    {
        Start();
        if (_items.Reader.TryRead(out item))
        {
            Interlocked.Increment(ref _taken);
            return true;
        }
        NoteDone();
        return false;
    }

    public override ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken = default)
    {
        Start();
        if (Interlocked.Exchange(ref _isWaiting, 1) != 0)
            return ValueTask.FromException<bool>(new InvalidOperationException(
                $"The channel of group '{consumer.Group}' is being waited on already, and it has one reader: with a second one it is not known who is done with what. To work on several items " +
                "side by side, register a handler with lanes, AddEvent(topic).WithLanes(4).HandledBy<THandler>(), or let the one reader hand its items out."));
        if (_items.Reader.Count == 0)
            NoteDone();
        return WaitAsync(_items.Reader.WaitToReadAsync(cancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        Task pump;
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            pump = _pump ??= Task.CompletedTask;
        }
        await _closing.CancelAsync().ConfigureAwait(false);
        await pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await consumer.DisposeAsync().ConfigureAwait(false);
        _closing.Dispose();
        _asked.Dispose();
    }

    private async ValueTask<bool> WaitAsync(ValueTask<bool> waiting)
    {
        try
        {
            return await waiting.ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _isWaiting, 0);
        }
    }

    private void Start()
    {
        if (_pump is not null)
            return;
        lock (_lock)
            _pump ??= PumpAsync();
    }

    // Whoever asks for more has done what it took.
    private void NoteDone()
    {
        var taken = Interlocked.Read(ref _taken);
        if (Interlocked.Exchange(ref _done, taken) != taken)
            _asked.Release();
    }

    private async Task PumpAsync()
    {
        Exception? failure = null;
        try
        {
            await ReadUntilEndAsync().ConfigureAwait(false);
            await ReadRestAsync().ConfigureAwait(false);
            failure = await end.Completed.ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            failure = exception is OperationCanceledException && _closing.IsCancellationRequested ? null : exception;
        }
        _items.Writer.Complete(failure);
    }

    private async Task ReadUntilEndAsync()
    {
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        var ending = end.Completed.ContinueWith(
            static (_, state) => ((CancellationTokenSource)state!).Cancel(),
            reading, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (var batch in consumer.ReadBatchesAsync(reading.Token).ConfigureAwait(false))
            {
                for (var i = 0; i < batch.Count; i++)
                    await GiveAsync(batch[i].Value).ConfigureAwait(false);
                await CommitWhenDoneAsync().ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (end.Completed.IsCompleted && !_closing.IsCancellationRequested)
        {
            // The writer is complete: what is left is read to its end.
        }
        if (!end.Completed.IsCompleted)
            throw new BrokerClosedException("The broker was closed while the channel was read.");
        await ending.ConfigureAwait(false);
    }

    private async Task ReadRestAsync()
    {
        await foreach (var record in consumer.ReadToEndAsync(_closing.Token).ConfigureAwait(false))
            await GiveAsync(record.Value).ConfigureAwait(false);
        await CommitWhenDoneAsync().ConfigureAwait(false);
    }

    private ValueTask GiveAsync(T item)
    {
        _given++;
        return _items.Writer.WriteAsync(item, _closing.Token);
    }

    private async Task CommitWhenDoneAsync()
    {
        while (Interlocked.Read(ref _done) < _given)
            await _asked.WaitAsync(_closing.Token).ConfigureAwait(false);
        await consumer.CommitAsync(_closing.Token).ConfigureAwait(false);
    }
}
