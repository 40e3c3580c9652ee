namespace ExactlyOnce.Testing.Brokers;

/// <summary>Every record that was taken into the log: what it looked like, where, and the number that stands for it in the history.</summary>
internal sealed class WrittenRecords
{
    private readonly Dictionary<(TopicPartition Partition, long Offset), (ulong Print, long Value)> _byPlace = [];
    private readonly Dictionary<(TopicPartition Partition, ulong Print), (long Value, long Operation)> _last = [];
    private long _values;

    public long NextValue() => ++_values;

    public long Add(TopicPartition partition, long offset, ulong print, long operation)
    {
        var value = NextValue();
        _byPlace[(partition, offset)] = (print, value);
        _last[(partition, print)] = (value, operation);
        return value;
    }

    /// <summary>The operation that last wrote such a record.</summary>
    public long? Find(TopicPartition partition, ulong print) => _last.TryGetValue((partition, print), out var found) ? found.Operation : null;

    /// <summary>
    /// The value of a record found in the log: of the write that was given this place, or, when it has another place, of the last one that looked the same; −1
    /// for none.
    /// </summary>
    public long ValueAt(TopicPartition partition, long offset, ulong print)
    {
        if (_byPlace.TryGetValue((partition, offset), out var written))
            return written.Print == print ? written.Value : -1;
        return _last.TryGetValue((partition, print), out var same) ? same.Value : -1;
    }

    public void Forget(string topic)
    {
        foreach (var place in _byPlace.Keys)
            if (place.Partition.Topic == topic)
                _byPlace.Remove(place);
        foreach (var print in _last.Keys)
            if (print.Partition.Topic == topic)
                _last.Remove(print);
    }
}
