using System.Runtime.CompilerServices;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>The typed half of <see cref="BatchContents"/>: keys and values in arrays that are used again.</summary>
internal sealed class TypedContents<TKey, TValue>(Topic<TKey, TValue> topic) : BatchContents
{
    // Late use is told for as many batches as there are handles; a batch that is held longer than that is not told from the current one.
    private const int HandleCount = 32;

    private readonly ConsumerBatch<TKey, TValue>?[] _handles = new ConsumerBatch<TKey, TValue>?[HandleCount];
    private readonly IDeserializer<TKey> _keys = topic.KeySerde;
    private readonly IDeserializer<TValue> _values = topic.ValueSerde;
    private readonly bool _hasReferences = topic.HasReferences;

    public TKey[] Keys { get; private set; } = [];

    public TValue[] Values { get; private set; } = [];

    /// <summary>A batch over the contents as they are now.</summary>
    public ConsumerBatch<TKey, TValue> Open() => Open(Partition!.Id);

    public ConsumerBatch<TKey, TValue> Open(TopicPartition partition)
    {
        ref var handle = ref _handles[Generation & (HandleCount - 1)];
        handle ??= new ConsumerBatch<TKey, TValue>(this);
        handle.Open(partition);
        return handle;
    }

    /// <summary>The record at <paramref name="index"/>, good for as long as its batch.</summary>
    public ConsumerRecord<TKey, TValue> GetRecord(int index, TopicPartition partition) =>
        new(Keys[index], Values[index], Slots[index], partition, this, index, Generation);

    /// <summary>The record at <paramref name="index"/>, good for ever.</summary>
    public ConsumerRecord<TKey, TValue> DetachRecord(int index) =>
        new(Keys[index], Values[index], Slots[index], Partition!.Id, ReadHeaders(index));

    protected override int Deserialize(int from, int to, ReadOnlySpan<byte> source, out Exception? failure)
    {
        if (to > Keys.Length)
            Grow(Slots.Length);
        var (slots, keys, values) = (Slots, Keys, Values);
        var index = from;
        failure = null;
        try
        {
            for (; index < to; index++)
            {
                ref readonly var slot = ref slots[index];
                // A null field never reaches a deserializer.
                keys[index] = slot.KeyLength < 0 ? default! : _keys.Deserialize(slot.Key(source));
                values[index] = slot.ValueLength < 0 ? default! : _hasReferences ? FindReference(slot.Value(source)) : _values.Deserialize(slot.Value(source));
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            failure = exception;
        }
        return index;
    }

    public override object? ReferenceAt(int index) => _hasReferences ? Values[index] : null;

    private TValue FindReference(ReadOnlySpan<byte> value)
    {
        var references = Partition!.Partition.References ?? throw new InvalidOperationException(
            $"The topic '{topic.Name}' is read by reference (Serdes.Reference), and this broker holds bytes: only a broker in memory holds objects.");
        return (TValue)(references.Find(value) ?? throw new InvalidOperationException(
            "The record does not refer to an object: its transaction was aborted, or it was written by somebody who does not use Serdes.Reference."));
    }

    protected override void Grow(int size)
    {
        var (keys, values) = (Keys, Values);
        Array.Resize(ref keys, size);
        Array.Resize(ref values, size);
        (Keys, Values) = (keys, values);
    }

    protected override void Forget(int count)
    {
        // Numbers hold nothing alive; clearing them would only cost.
        if (RuntimeHelpers.IsReferenceOrContainsReferences<TKey>())
            Array.Clear(Keys, 0, Math.Min(count, Keys.Length));
        if (RuntimeHelpers.IsReferenceOrContainsReferences<TValue>())
            Array.Clear(Values, 0, Math.Min(count, Values.Length));
    }
}
