using System.IO.Pipelines;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// The one number that says how far the journal can be seen, and who waits for it. The journal moves it; everybody reads it without a lock. Frozen for ever
/// by the first failure. Acknowledgements leave in LSN order: one runner at a time takes what is due and completes it where the environment says.
/// </summary>
internal sealed class Visibility
{
    private const int BatchMax = 64;

    private static readonly Action<object?> s_completeDue = static state => ((Visibility)state!).CompleteDue();

    private readonly PipeScheduler _completions;
    private readonly Lock _lock = new();
    private readonly PriorityQueue<IVisibilityWaiter, Turn> _waiting = new();
    private readonly Queue<Due> _due = new();

    /// <summary>Belongs to the runner.</summary>
    private readonly Due[] _batch = new Due[BatchMax];

    private bool _isRunning;
    private long _registrations;
    private long _lsn;
    private StorageException? _failure;

    public Visibility(long lsn, PipeScheduler completions)
    {
        _lsn = lsn;
        _completions = completions;
    }

    public long Lsn => Volatile.Read(ref _lsn);

    public StorageException? Failure => Volatile.Read(ref _failure);

    /// <summary>
    /// True when visible already, and the waiter is not kept. Else it is completed later. The number is looked at under the lock that the journal takes after
    /// moving it, so a waiter is either seen by the journal or sees the new number.
    /// </summary>
    public bool IsVisibleOrWait(long lsn, IVisibilityWaiter waiter)
    {
        if (lsn <= Lsn)
            return true;
        var starts = false;
        lock (_lock)
        {
            if (lsn <= _lsn)
                return true;
            if (_failure is { } failure)
                starts = AddDue(waiter, failure);
            else
                _waiting.Enqueue(waiter, new Turn(lsn, _registrations++));
        }
        if (starts)
            _completions.Schedule(s_completeDue, this);
        return false;
    }

    /// <summary>The moment of visibility, in all partitions at once. False when a failure has frozen it.</summary>
    public bool TryAdvance(long lsn)
    {
        var starts = false;
        lock (_lock)
        {
            if (_failure is not null)
                return false;
            Volatile.Write(ref _lsn, lsn);
            while (_waiting.TryPeek(out var waiter, out var turn) && turn.Lsn <= lsn)
            {
                _waiting.Dequeue();
                starts |= AddDue(waiter, null);
            }
        }
        if (starts)
            _completions.Schedule(s_completeDue, this);
        Interlocked.MemoryBarrier();
        return true;
    }

    /// <summary>For a journal without files, under its queue lock: appended is visible, and nobody can be waiting for it.</summary>
    public void Store(long lsn) => Volatile.Write(ref _lsn, lsn);

    /// <summary>Stops the number for ever; only the first cause counts. True when this was the first.</summary>
    public bool TryFreeze(StorageException cause)
    {
        var starts = false;
        lock (_lock)
        {
            if (_failure is not null)
                return false;
            Volatile.Write(ref _failure, cause);
            while (_waiting.TryDequeue(out var waiter, out _))
                starts |= AddDue(waiter, cause);
        }
        if (starts)
            _completions.Schedule(s_completeDue, this);
        return true;
    }

    /// <summary>True when the caller has to start the runner, after leaving the lock.</summary>
    private bool AddDue(IVisibilityWaiter waiter, StorageException? failure)
    {
        _due.Enqueue(new Due(waiter, failure));
        if (_isRunning)
            return false;
        return _isRunning = true;
    }

    private void CompleteDue()
    {
        while (TakeDue() is var count and > 0)
        {
            for (var index = 0; index < count; index++)
            {
                var due = _batch[index];
                _batch[index] = default;
                due.Waiter.Complete(due.Failure);
            }
        }
    }

    private int TakeDue()
    {
        lock (_lock)
        {
            var count = 0;
            while (count < BatchMax && _due.TryDequeue(out _batch[count]))
                count++;
            _isRunning = count > 0;
            return count;
        }
    }

    private readonly record struct Due(IVisibilityWaiter Waiter, StorageException? Failure);

    /// <summary>By LSN, and among equals by arrival.</summary>
    private readonly record struct Turn(long Lsn, long Registration) : IComparable<Turn>
    {
        public int CompareTo(Turn other) => Lsn != other.Lsn ? Lsn.CompareTo(other.Lsn) : Registration.CompareTo(other.Registration);
    }
}
