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
    /// Makes every batch and record that was handed out unusable and leaves the contents alone, because somebody may be at them: whoever disposes of a consumer
    /// inside its loop, or beside it.
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
    /// Takes up to <paramref name="recordsMax"/> records out of the partition's run. False when the rest of the run holds nothing to give. When a record cannot
    /// be deserialized, the ones in front of it are given, and the next call throws.
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

    /// <summary>The object that a record's value refers to; null where values are bytes.</summary>
    public abstract object? ReferenceAt(int index);

    public static InvalidOperationException IsOver() => new(
        "This batch is over: a batch, and the headers of its records, can be used until the loop asks for the next batch. Keep copies of what is needed longer.");

    /// <summary>Makes the contents an empty batch that only stands for a step to <paramref name="nextOffset"/>.</summary>
    public void BecomeStep(long nextOffset)
    {
        Invalidate();
        NextOffset = nextOffset;
    }

    /// <summary>
    /// Deserializes the slots from <paramref name="from"/> up to <paramref name="to"/> into the arrays of the typed half. Answers where it ended: at
    /// <paramref name="to"/>, or in front of the record that cannot be deserialized.
    /// </summary>
    protected abstract int Deserialize(int from, int to, ReadOnlySpan<byte> source, out Exception? failure);

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
            if (Count == Slots.Length)
                GrowTo(Slots.Length * 2);
            // The first batch may begin in front of the position: records of it that are behind us are dropped.
            var slots = Slots.AsSpan(Count, Math.Min(Slots.Length, recordsMax) - Count);
            slots = slots[..run.Decode(source, slots, partition.ReadTo)];
            var first = Count;
            Count = Deserialize(first, first + slots.Length, source, out var failure);
            if (failure is null)
                continue;
            var failed = slots[Count - first];
            run.Unread(slots, from: Count - first);
            if (Count > 0)
                return false;
            partition.ReadTo = failed.Offset;
            partition.Give(failed.Offset);
            throw RecordDeserializationException.Create(partition.Id, failed, source, failure);
        }
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
