using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The last batches of one producer at its current epoch: a ring of fixed capacity, allocated with the first batch (most producers that only ever
/// got a marker never need one). Owned by the <see cref="ProducerEntry"/>.
/// </summary>
internal sealed class BatchWindow(int capacity)
{
    private RememberedBatch[] _ring = [];
    private int _newestAt;

    public int Count { get; private set; }

    /// <summary>The last sequence appended, −1 when the window is empty.</summary>
    public int LastSequence { get; private set; } = Sequence.None;

    /// <summary>The batch appended last; the window must not be empty.</summary>
    public ref readonly RememberedBatch Newest => ref this[0];

    /// <summary>The batch appended <paramref name="age"/> batches before the newest.</summary>
    public ref readonly RememberedBatch this[int age]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)age, (uint)Count);
            return ref _ring[SlotOf(age)];
        }
    }

    /// <summary>The age of the batch with exactly this first sequence and length, or −1. An overlap is not a match.</summary>
    public int Find(int baseSequence, int offsetDelta)
    {
        // The common case, a batch in order, cannot be a retry: the window never spans the whole circle of 2^31 sequences.
        if (Count == 0 || baseSequence == Sequence.Next(LastSequence))
            return -1;
        for (var age = 0; age < Count; age++)
        {
            ref readonly var batch = ref _ring[SlotOf(age)];
            if (batch.BaseSequence == baseSequence && batch.OffsetDelta == offsetDelta)
                return age;
        }
        return -1;
    }

    /// <summary>Remembers a batch; a full window forgets its oldest.</summary>
    public void Append(in RememberedBatch batch)
    {
        Debug.Assert(batch.BaseSequence >= 0 && batch.OffsetDelta >= 0, "A remembered batch has sequences.");
        if (_ring.Length == 0)
            _ring = new RememberedBatch[capacity];
        var slot = _newestAt + 1;
        _newestAt = slot == _ring.Length ? 0 : slot;
        _ring[_newestAt] = batch;
        if (Count < _ring.Length)
            Count++;
        LastSequence = batch.LastSequence;
    }

    public void Clear()
    {
        Count = 0;
        LastSequence = Sequence.None;
    }

    private int SlotOf(int age)
    {
        var slot = _newestAt - age;
        return slot < 0 ? slot + _ring.Length : slot;
    }
}
