using System.IO.Pipelines;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The bytes a producer may have accepted and not yet had acknowledged. Reserved before any lock is taken, given back when a batch is completed. First come,
/// first served: nobody overtakes a waiter, so that a large record is not starved by small ones.
/// </summary>
internal sealed class BufferMemory
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private readonly PipeScheduler _scheduler;
    private long _free;
    private volatile bool _hasWaiters;

    public BufferMemory(long totalBytes, PipeScheduler scheduler)
    {
        TotalBytes = totalBytes;
        _free = totalBytes;
        _scheduler = scheduler;
    }

    public long TotalBytes { get; }

    /// <summary>How much to reserve at once for records to come: little enough that a thousand open batches do not hold it all.</summary>
    public int AheadBytes => (int)Math.Min(4096, TotalBytes >> 12);

    public long FreeBytes => Volatile.Read(ref _free);

    public bool HasWaiters => _hasWaiters;

    public bool TryReserve(int bytes) => !_hasWaiters && TryTake(bytes);

    public ValueTask ReserveAsync(int bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_lock)
        {
            // Announced before the attempt: a release that comes in between either gives us the bytes or sees the waiter.
            _hasWaiters = true;
            waiter = new Waiter(this, bytes);
            waiter.Node = _waiters.AddLast(waiter);
        }
        ServeWaiters();
        return waiter.WaitAsync(cancellationToken);
    }

    public void Release(long bytes)
    {
        Interlocked.Add(ref _free, bytes);
        if (_hasWaiters)
            ServeWaiters();
    }

    private void ServeWaiters()
    {
        lock (_lock)
        {
            while (_waiters.First is { } first && TryTake(first.Value.Bytes))
            {
                _waiters.RemoveFirst();
                first.Value.Node = null;
                _scheduler.Schedule(static state => ((Waiter)state!).TrySetResult(), first.Value);
            }
            _hasWaiters = _waiters.Count > 0;
        }
    }

    private bool TryTake(int bytes)
    {
        var free = Volatile.Read(ref _free);
        while (free >= bytes)
        {
            var seen = Interlocked.CompareExchange(ref _free, free - bytes, free);
            if (seen == free)
                return true;
            free = seen;
        }
        return false;
    }

    private void Cancel(Waiter waiter, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            // Served already: the bytes are the waiter's and it goes on.
            if (waiter.Node is null)
                return;
            _waiters.Remove(waiter.Node);
            waiter.Node = null;
        }
        waiter.TrySetCanceled(cancellationToken);
        ServeWaiters();
    }

    private sealed class Waiter(BufferMemory owner, int bytes) : TaskCompletionSource
    {
        public int Bytes => bytes;

        public LinkedListNode<Waiter>? Node { get; set; }

        public async ValueTask WaitAsync(CancellationToken cancellationToken)
        {
            using var registration = cancellationToken.UnsafeRegister(
                static (state, token) => ((Waiter)state!).Owner.Cancel((Waiter)state!, token), this);
            await Task.ConfigureAwait(false);
        }

        private BufferMemory Owner => owner;
    }
}
