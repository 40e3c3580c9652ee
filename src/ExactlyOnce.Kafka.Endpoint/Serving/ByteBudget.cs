namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// A number of bytes that many share. Whoever wants more than is left waits his turn, the longest waiting first, so that a large wish is not passed by small
/// ones for ever.
/// </summary>
internal sealed class ByteBudget(long bytes)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Wish> _waiting = [];
    private long _left = bytes;

    public long Left
    {
        get
        {
            lock (_lock)
                return _left;
        }
    }

    /// <summary>Takes bytes, at most as many as the whole budget has; <see cref="Return"/> gives them back.</summary>
    public ValueTask TakeAsync(int count, CancellationToken cancellationToken)
    {
        LinkedListNode<Wish> node;
        lock (_lock)
        {
            if (_waiting.Count == 0 && _left >= count)
            {
                _left -= count;
                return default;
            }
            node = _waiting.AddLast(new Wish(count));
        }
        return WaitAsync(node, cancellationToken);
    }

    public void Return(int count)
    {
        List<Wish>? granted = null;
        lock (_lock)
        {
            _left += count;
            while (_waiting.First is { } first && first.Value.Count <= _left)
            {
                _left -= first.Value.Count;
                _waiting.Remove(first);
                (granted ??= []).Add(first.Value);
            }
        }
        foreach (var wish in granted ?? [])
            wish.SetResult();
    }

    private async ValueTask WaitAsync(LinkedListNode<Wish> node, CancellationToken cancellationToken)
    {
        try
        {
            await node.Value.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            GiveUp(node);
            throw;
        }
    }

    private void GiveUp(LinkedListNode<Wish> node)
    {
        bool isWaiting;
        lock (_lock)
        {
            isWaiting = node.List is not null;
            if (isWaiting)
                _waiting.Remove(node);
        }
        // Granted in the same moment: then it is given back. Not granted: then it no longer stands in front of smaller ones.
        Return(isWaiting ? 0 : node.Value.Count);
    }

    private sealed class Wish(int count) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public int Count => count;
    }
}
