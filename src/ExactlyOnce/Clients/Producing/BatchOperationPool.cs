namespace ExactlyOnce.Clients.Producing;

/// <summary>The free batch operations of one producer.</summary>
internal sealed class BatchOperationPool(RecordAccumulator accumulator)
{
    private const int KeptMax = 256;

    private readonly Lock _lock = new();
    private BatchOperation? _free;
    private int _count;

    public BatchOperation Rent()
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
        return new BatchOperation(accumulator);
    }

    public void Return(BatchOperation operation)
    {
        operation.Reset();
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
