using System.Collections;
using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce;

/// <summary>
/// Consecutive records of one partition. Valid until the loop asks for the next batch: the object and its memory are used again, and using it later throws. The
/// keys and values in it may be kept. Going over it allocates nothing.
/// </summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
[SuppressMessage("Naming", "CA1710", Justification = "A batch, in the words of the field.")]
public sealed class ConsumerBatch<TKey, TValue> : IReadOnlyList<ConsumerRecord<TKey, TValue>>
{
    private readonly TypedContents<TKey, TValue> _contents;
    private int _generation = -1;
    private TopicPartition _partition;

    internal ConsumerBatch(TypedContents<TKey, TValue> contents) => _contents = contents;

    /// <summary>The topic.</summary>
    public string Topic => TopicPartition.Topic;

    /// <summary>The partition's index.</summary>
    public int Partition => TopicPartition.Partition;

    /// <summary>The topic and the partition's index.</summary>
    public TopicPartition TopicPartition => Current() is not null ? _partition : default;

    /// <summary>
    /// How many records there are; at least one, except in what a sink is given to step over a record that was taken out
    /// (<see cref="ITransactionalSink{TKey,TValue}"/>).
    /// </summary>
    public int Count => Current().Count;

    /// <summary>The first record's offset.</summary>
    public long FirstOffset => Current().Count == 0 ? _contents.NextOffset : _contents.Slots[0].Offset;

    /// <summary>
    /// The offset to commit for this batch: the next one to read. It can be more than the last record's offset plus one, because markers and aborted records
    /// lie between.
    /// </summary>
    public long NextOffset => Current().NextOffset;

    /// <summary>The record at a position.</summary>
    /// <param name="index">The position in the batch, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position.</exception>
    /// <exception cref="InvalidOperationException">The batch is over.</exception>
    public ConsumerRecord<TKey, TValue> this[int index]
    {
        get
        {
            CheckIndex(index);
            return _contents.GetRecord(index, _partition);
        }
    }

    /// <summary>The keys, by position. The memory is used again for the next batch.</summary>
    public ReadOnlySpan<TKey> Keys => Current().Keys.AsSpan(0, _contents.Count);

    /// <summary>The values, by position. The memory is used again for the next batch.</summary>
    public ReadOnlySpan<TValue> Values => Current().Values.AsSpan(0, _contents.Count);

    /// <summary>A record's offset, without building the record.</summary>
    /// <param name="index">The position in the batch, from 0.</param>
    public long GetOffset(int index)
    {
        CheckIndex(index);
        return _contents.Slots[index].Offset;
    }

    /// <summary>A record's key as it stands in the log; empty when it is null. The memory is used again for the next batch.</summary>
    /// <param name="index">The position in the batch, from 0.</param>
    public ReadOnlySpan<byte> GetKeyBytes(int index)
    {
        CheckIndex(index);
        return _contents.Slots[index].Key(_contents.Source.Span);
    }

    /// <summary>A record's value as it stands in the log; empty when it is null. The memory is used again for the next batch.</summary>
    /// <param name="index">The position in the batch, from 0.</param>
    public ReadOnlySpan<byte> GetValueBytes(int index)
    {
        CheckIndex(index);
        return _contents.Slots[index].Value(_contents.Source.Span);
    }

    /// <summary>Goes over the records without allocating.</summary>
    public Enumerator GetEnumerator()
    {
        Current();
        return new Enumerator(this);
    }

    IEnumerator<ConsumerRecord<TKey, TValue>> IEnumerable<ConsumerRecord<TKey, TValue>>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Where the batch stands: <c>orders-3@17..25</c>, the end not included.</summary>
    public override string ToString() =>
        _generation == _contents.Generation ? $"{_partition}@{FirstOffset}..{NextOffset}" : $"{_partition} (over)";

    /// <summary>The contents, for as long as this batch is the current one.</summary>
    internal TypedContents<TKey, TValue> Current()
    {
        if (_generation != _contents.Generation)
            throw BatchContents.IsOver();
        return _contents;
    }

    internal void Open(TopicPartition partition)
    {
        _generation = _contents.Generation;
        _partition = partition;
    }

    private void CheckIndex(int index)
    {
        if ((uint)index >= (uint)Current().Count)
            throw new ArgumentOutOfRangeException(nameof(index), index, $"The batch has {_contents.Count} records.");
    }

    /// <summary>Goes over the records of a batch.</summary>
    public struct Enumerator : IEnumerator<ConsumerRecord<TKey, TValue>>
    {
        private readonly ConsumerBatch<TKey, TValue> _batch;
        private readonly int _generation;
        private int _index;

        internal Enumerator(ConsumerBatch<TKey, TValue> batch)
        {
            _batch = batch;
            _generation = batch._generation;
            _index = -1;
        }

        /// <summary>The record reached.</summary>
        public readonly ConsumerRecord<TKey, TValue> Current => _batch._contents.GetRecord(_index, _batch._partition);

        readonly object IEnumerator.Current => Current;

        /// <summary>Moves to the next record, if there is one.</summary>
        /// <exception cref="InvalidOperationException">The batch is over.</exception>
        public bool MoveNext()
        {
            var contents = _batch._contents;
            if (_generation != contents.Generation)
                throw BatchContents.IsOver();
            if (_index + 1 >= contents.Count)
                return false;
            _index++;
            return true;
        }

        /// <summary>Goes back in front of the first record.</summary>
        public void Reset() => _index = -1;

        readonly void IDisposable.Dispose()
        {
        }
    }
}
