namespace ExactlyOnce.Clients.Producing;

/// <summary>The free send operations of one producer.</summary>
internal sealed class SendOperationPool
{
    private const int KeptMax = 1024;

    private readonly Lock _lock = new();
    private SendOperation? _free;
    private int _count;

    public SendOperation Rent()
    {
        lock (_lock)
        {
            if (_free is { } operation)
            {
                _free = operation.Next;
                operation.Next = null;
                _count--;
                return operation;
            }
        }
        return new SendOperation(this);
    }

    public void Return(SendOperation operation)
    {
        lock (_lock)
        {
            if (_count == KeptMax)
                return;
            operation.Next = _free;
            _free = operation;
            _count++;
        }
    }
}
