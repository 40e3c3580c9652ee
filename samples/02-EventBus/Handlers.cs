using ExactlyOnce;

namespace EventBus;

/// <summary>Publishes what follows from an order. It takes effect together with the order having been handled: exactly once, however often this runs.</summary>
internal sealed class GrantPoints(IEventBus bus) : IHandle<OrderPlaced>
{
    public ValueTask HandleAsync(OrderPlaced order, CancellationToken cancellationToken) =>
        bus.PublishAsync(new PointsGranted(order.Number, order.Customer, (int)order.Total), cancellationToken);
}

/// <summary>Reaches into the world outside, where nothing is exactly once: a mail may be sent twice when the process dies behind it. Its failures delay nobody else.</summary>
internal sealed class SendMail(Mails mails) : IHandle<OrderPlaced>
{
    public ValueTask HandleAsync(OrderPlaced order, CancellationToken cancellationToken)
    {
        mails.Send(order.Number);
        return default;
    }
}

/// <summary>A mail server that refuses every tenth mail at first.</summary>
internal sealed class Mails
{
    private readonly Lock _lock = new();
    private readonly HashSet<int> _sent = [];
    private readonly HashSet<int> _refused = [];
    private readonly TaskCompletionSource _allSent = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _expected = int.MaxValue;

    public int Sent
    {
        get
        {
            lock (_lock)
                return _sent.Count;
        }
    }

    public int Failures
    {
        get
        {
            lock (_lock)
                return _refused.Count;
        }
    }

    public void Send(int order)
    {
        lock (_lock)
        {
            if (order % 10 == 0 && _refused.Add(order))
                throw new TimeoutException("The mail server does not answer.");
            _sent.Add(order);
            CheckAllSent();
        }
    }

    public Task AllSentAsync(int count)
    {
        lock (_lock)
        {
            _expected = count;
            CheckAllSent();
        }
        return _allSent.Task.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private void CheckAllSent()
    {
        if (_sent.Count >= _expected)
            _allSent.TrySetResult();
    }
}
