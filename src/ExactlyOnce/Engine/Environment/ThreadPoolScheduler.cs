using System.IO.Pipelines;

namespace ExactlyOnce.Engine.Environment;

/// <summary>
/// The thread pool, whose work items are used again: waking a consumer or acknowledging a commit leaves nothing for the garbage collector. The ambient values
/// (activity, culture) of whoever schedules do not travel along: what runs here goes on for somebody else, who brings his own.
/// </summary>
internal sealed class ThreadPoolScheduler : PipeScheduler
{
    private const int KeptMax = 1024;

    private readonly Lock _lock = new();
    private Item? _free;
    private int _count;

    public override void Schedule(Action<object?> action, object? state)
    {
        var item = Rent();
        item.Action = action;
        item.State = state;
        System.Threading.ThreadPool.UnsafeQueueUserWorkItem(item, preferLocal: false);
    }

    private Item Rent()
    {
        lock (_lock)
        {
            if (_free is { } item)
            {
                _free = item.Next;
                item.Next = null;
                _count--;
                return item;
            }
        }
        return new Item(this);
    }

    private void Return(Item item)
    {
        lock (_lock)
        {
            if (_count == KeptMax)
                return;
            item.Next = _free;
            _free = item;
            _count++;
        }
    }

    private sealed class Item(ThreadPoolScheduler owner) : IThreadPoolWorkItem
    {
        public Action<object?>? Action { get; set; }

        public object? State { get; set; }

        public Item? Next { get; set; }

        public void Execute()
        {
            var (action, state) = (Action!, State);
            Action = null;
            State = null;
            // Given back first: the action may run for long, or schedule something itself.
            owner.Return(this);
            action(state);
        }
    }
}
