using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>One remembered batch: enough to recognise it exactly and to answer its retry.</summary>
internal readonly record struct RememberedBatch(int LastSequence, int OffsetDelta, long LastOffset, long MaxTimestamp, long Lsn)
{
    public int FirstSequence =>
        LastSequence >= OffsetDelta ? LastSequence - OffsetDelta : int.MaxValue - (OffsetDelta - LastSequence) + 1;

    public long BaseOffset => LastOffset - OffsetDelta;
}

/// <summary>The last batches of one producer, newest last: a ring that allocates once.</summary>
internal sealed class BatchWindow(int capacity)
{
    private readonly RememberedBatch[] _ring = new RememberedBatch[capacity];
    private int _first;

    public int Count { get; private set; }

    public RememberedBatch this[int index] => _ring[(_first + index) % _ring.Length];

    public int LastSequence => Count == 0 ? Sequence.None : this[Count - 1].LastSequence;

    public void Add(in RememberedBatch batch)
    {
        if (Count < _ring.Length)
        {
            _ring[(_first + Count++) % _ring.Length] = batch;
            return;
        }
        _ring[_first] = batch;
        _first = (_first + 1) % _ring.Length;
    }

    public void Clear() => Count = _first = 0;

    /// <summary>The remembered batch with exactly these sequences; a partial overlap is none.</summary>
    public bool TryFind(int firstSequence, int lastSequence, out RememberedBatch found)
    {
        for (var i = Count - 1; i >= 0; i--)
        {
            found = this[i];
            if (found.LastSequence == lastSequence && found.FirstSequence == firstSequence)
                return true;
        }
        found = default;
        return false;
    }
}
