namespace ExactlyOnce.Benchmarks.Bus;

/// <summary>The handler's work: counts and adds up, so that nothing is lost unseen. Told by one handler at a time or by several.</summary>
public sealed class OrderCounter
{
    private long _expected = long.MaxValue;
    private long _sum;
    private long _count;
    private TaskCompletionSource _done = new();

    /// <summary>Orders handled since the last beginning.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>Begins anew; what is answered ends when so many orders have come.</summary>
    public Task Expect(int orders)
    {
        (_count, _sum, _expected) = (0, 0, orders);
        _done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _done.Task;
    }

    /// <summary>Handles one order.</summary>
    public void Handle(OrderPlaced order)
    {
        Interlocked.Add(ref _sum, order.Number);
        if (Interlocked.Increment(ref _count) == _expected)
            _done.SetResult();
    }

    /// <summary>Fails unless it were these orders: 0 and up.</summary>
    public void Verify(int orders)
    {
        Comparing.Verify.Equal(orders, _count, "orders were handled");
        Comparing.Verify.Equal((long)orders * (orders - 1) / 2, _sum, "is the sum of their numbers");
    }
}
