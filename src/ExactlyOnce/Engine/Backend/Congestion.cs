using System.IO.Pipelines;
using ExactlyOnce.Clients;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Recovery;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// Back-pressure: when more is unwritten than the budgets allow, producers wait here before they take any lock. Ends of transactions never ask: they must be
/// able to make room. LSNs count bytes, so both budgets are distances: to what is visible, and to what the last checkpoint contains.
/// </summary>
internal sealed class Congestion(EngineOptions options, JournalWriter journal, Checkpointer? checkpointer, PipeScheduler completions)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _room;

    /// <summary>Enough is unwritten to be worth a checkpoint.</summary>
    public bool IsCheckpointDue => checkpointer is not null && journal.AppendedLsn - checkpointer.LastLsn > options.CheckpointBytes;

    public bool IsCongested =>
        checkpointer is not null && journal.Failure is null &&
        (journal.QueuedBytes > options.JournalQueueBytesMax || journal.AppendedLsn - checkpointer.LastLsn > options.TailBytesMax);

    public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (IsCongested)
        {
            Task room;
            lock (_lock)
                room = (_room ??= new TaskCompletionSource()).Task;
            // Room may have come between the look and the registration.
            Interlocked.MemoryBarrier();
            if (!IsCongested)
                return;
            await room.WaitAsync(cancellationToken);
            // Released on the journal's thread.
            await new SchedulerHop(completions);
        }
    }

    /// <summary>Something was written: look again.</summary>
    public void Release()
    {
        if (Volatile.Read(ref _room) is null || IsCongested)
            return;
        TaskCompletionSource? room;
        lock (_lock)
        {
            room = _room;
            _room = null;
        }
        room?.TrySetResult();
    }
}
