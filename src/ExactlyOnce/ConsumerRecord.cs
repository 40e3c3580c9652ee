using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce;

/// <summary>
/// A record as a consumer is given it. Owns its key and value. The headers of a record out of a batch are read when they are asked for, which must be before
/// the loop goes on to the next batch; every other record owns its headers too.
/// </summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public readonly struct ConsumerRecord<TKey, TValue>
{
    private readonly TopicPartition _partition;
    private readonly long _timestampMs;
    private readonly object _headersOrContents;
    private readonly int _index;
    private readonly int _generation;
    private readonly RecordTraits _traits;

    internal ConsumerRecord(
        TKey key, TValue value, in RecordSlot slot, TopicPartition partition, BatchContents contents, int index, int generation)
        : this(key, value, slot, partition, slot.HeaderCount == 0 ? RecordHeaders.Empty : contents)
    {
        _index = index;
        _generation = generation;
    }

    internal ConsumerRecord(TKey key, TValue value, in RecordSlot slot, TopicPartition partition, RecordHeaders headers)
        : this(key, value, slot, partition, (object)headers)
    {
    }

    private ConsumerRecord(TKey key, TValue value, in RecordSlot slot, TopicPartition partition, object headersOrContents)
    {
        Key = key;
        Value = value;
        Offset = slot.Offset;
        _partition = partition;
        _timestampMs = slot.TimestampMs;
        _headersOrContents = headersOrContents;
        _traits = (slot.KeyLength < 0 ? RecordTraits.None : RecordTraits.HasKey)
            | (slot.ValueLength < 0 ? RecordTraits.None : RecordTraits.HasValue)
            | (slot.IsLogAppendTime ? RecordTraits.IsLogAppendTime : RecordTraits.None);
    }

    /// <summary>The key; the type's default when <see cref="HasKey"/> is false.</summary>
    public TKey Key { get; }

    /// <summary>The value; the type's default when <see cref="IsTombstone"/> is true.</summary>
    public TValue Value { get; }

    /// <summary>The record's offset in its partition.</summary>
    public long Offset { get; }

    /// <summary>The topic.</summary>
    public string Topic => _partition.Topic;

    /// <summary>The partition's index.</summary>
    public int Partition => _partition.Partition;

    /// <summary>The topic and the partition's index.</summary>
    public TopicPartition TopicPartition => _partition;

    /// <summary>The record's time: the producer's, or the broker's; see <see cref="TimestampType"/>.</summary>
    public DateTimeOffset Timestamp => DateTimeOffset.FromUnixTimeMilliseconds(_timestampMs);

    /// <summary>Who gave the <see cref="Timestamp"/>.</summary>
    public TimestampType TimestampType =>
        (_traits & RecordTraits.IsLogAppendTime) != 0 ? TimestampType.LogAppendTime : TimestampType.CreateTime;

    /// <summary>False when the record has a null key.</summary>
    public bool HasKey => (_traits & RecordTraits.HasKey) != 0;

    /// <summary>True when the record has a null value: in a compacted topic it deletes its key.</summary>
    public bool IsTombstone => (_traits & RecordTraits.HasValue) == 0;

    /// <summary>The headers.</summary>
    /// <exception cref="InvalidOperationException">The record comes from a batch that is over: take its headers while the loop is at the batch.</exception>
    public RecordHeaders Headers => _headersOrContents switch
    {
        BatchContents contents => contents.ReadHeaders(_index, _generation),
        RecordHeaders headers => headers,
        _ => RecordHeaders.Empty,
    };

    /// <summary>Takes the record apart: <c>var (key, value) = record;</c></summary>
    public void Deconstruct(out TKey key, out TValue value)
    {
        key = Key;
        value = Value;
    }

    /// <summary>Where the record stands: <c>orders-3@17</c>.</summary>
    public override string ToString() => $"{_partition}@{Offset}";
}
