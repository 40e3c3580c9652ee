using System.Diagnostics.CodeAnalysis;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// The records that a consumer's loop is at. One per consumer, filled again for every batch, so that reading allocates nothing of its own; the generation tells
/// a batch that is used too late. Owned by its consumer, filled in the session's turn.
/// </summary>
internal abstract class BatchContents
{
    private const int FirstSize = 64;

    private int _generation;

    /// <summary>The partition all records are of.</summary>
    public ConsumedPartition? Partition { get; private set; }

    /// <summary>The records, in the order of their offsets.</summary>
    public RecordSlot[] Slots { get; private set; } = new RecordSlot[FirstSize];

    public int Count { get; private set; }

    /// <summary>The bytes that <see cref="Slots"/> point into; valid for this generation.</summary>
    public ReadOnlyMemory<byte> Source { get; private set; }

    /// <summary>The next offset to read behind these records: past markers and aborted records that follow them, as far as they were seen.</summary>
    public long NextOffset { get; private set; }

    /// <summary>Grows when the contents become other ones or void.</summary>
    public int Generation => Volatile.Read(ref _generation);

    /// <summary>
    /// Makes every batch and record that was handed out unusable and leaves the contents alone, because somebody may be at them: whoever disposes of a consumer inside its
    /// loop, or beside it.
    /// </summary>
    public void BecomeVoid() => Interlocked.Increment(ref _generation);

    /// <summary>Makes every batch and record that was handed out unusable, and lets go of what they held.</summary>
    public void Invalidate()
    {
        BecomeVoid();
        Forget(Count);
        Count = 0;
        Partition = null;
        Source = default;
    }

    /// <summary>
    /// Takes up to <paramref name="recordsMax"/> records out of the partition's run. False when the rest of the run holds nothing to give. When a record cannot be
    /// deserialized, the ones in front of it are given, and the next call throws.
    /// </summary>
    /// <exception cref="RecordDeserializationException">The first record to give cannot be deserialized. The position stays in front of it.</exception>
    public bool Fill(ConsumedPartition partition, int recordsMax)
    {
        Partition = partition;
        TakeRecords(partition, recordsMax);
        NextOffset = partition.Run.IsEmpty ? partition.Reader.NextOffset : FirstNotTaken(partition);
        partition.ReadTo = NextOffset;
        return Count > 0;
    }

    /// <summary>The position of a loop that has been given the records up to and including <paramref name="index"/>.</summary>
    public long PositionAfter(int index) => index == Count - 1 ? NextOffset : Slots[index].Offset + 1;

    public RecordHeaders ReadHeaders(int index) => Slots[index].Headers(Source.Span);

    public RecordHeaders ReadHeaders(int index, int generation) => generation == Generation ? ReadHeaders(index) : throw IsOver();

    public static InvalidOperationException IsOver() => new(
        "This batch is over: a batch, and the headers of its records, can be used until the loop asks for the next batch. Keep copies of what is needed longer.");

    /// <summary>Makes the contents an empty batch that only stands for a step to <paramref name="nextOffset"/>.</summary>
    public void BecomeStep(long nextOffset)
    {
        Invalidate();
        NextOffset = nextOffset;
    }

    /// <summary>Deserializes into the arrays of the typed half.</summary>
    protected abstract void Deserialize(int index, in RecordSlot slot, ReadOnlySpan<byte> source);

    protected abstract void Grow(int size);

    /// <summary>Lets go of the first keys and values, so that they can be collected while the consumer waits.</summary>
    protected abstract void Forget(int count);

    private void TakeRecords(ConsumedPartition partition, int recordsMax)
    {
        var run = partition.Run;
        while (Count < recordsMax && (run.IsInsideBatch || run.TryOpenBatch(mayReplaceSource: Count == 0)))
        {
            Source = run.Source;
            if (!TryTakeBatch(partition, run, Source.Span, recordsMax))
                return;
        }
    }

    private bool TryTakeBatch(ConsumedPartition partition, BatchRun run, ReadOnlySpan<byte> source, int recordsMax)
    {
        while (Count < recordsMax && run.IsInsideBatch)
        {
            var recordAt = run.RecordAt;
            ref readonly var slot = ref run.Next(source);
            // The first batch may begin in front of the position: records of it that are behind us are dropped.
            if (slot.Offset < partition.ReadTo)
                continue;
            if (!TryTake(slot, source, out var failure))
            {
                run.Unread(recordAt);
                if (Count > 0)
                    return false;
                partition.ReadTo = slot.Offset;
                partition.Give(slot.Offset);
                throw RecordDeserializationException.Create(partition.Id, slot, source, failure);
            }
        }
        return true;
    }

    private bool TryTake(in RecordSlot slot, ReadOnlySpan<byte> source, [NotNullWhen(false)] out Exception? failure)
    {
        failure = null;
        if (Count == Slots.Length)
            GrowTo(Slots.Length * 2);
        try
        {
            Deserialize(Count, slot, source);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            failure = exception;
            return false;
        }
        Slots[Count++] = slot;
        return true;
    }

    private long FirstNotTaken(ConsumedPartition partition) => Count == 0 ? partition.ReadTo : Slots[Count - 1].Offset + 1;

    private void GrowTo(int size)
    {
        var slots = Slots;
        Array.Resize(ref slots, size);
        Slots = slots;
        Grow(size);
    }
}
