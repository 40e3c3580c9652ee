namespace ExactlyOnce.Testing.History.Tables;

/// <summary>All writes, found by their value and by their operation: 40 bytes and two entries of 4 bytes each.</summary>
internal sealed class WriteTable
{
    private const int ChunkBits = 12;
    private const int ChunkSize = 1 << ChunkBits;

    private readonly List<WriteRow[]> _chunks = [];
    private readonly PagedArray<int> _rowOfValue = new();
    private readonly PagedArray<int> _rowOfOperation = new();
    private readonly Dictionary<(int Session, int Log), int> _streamNumbers = [];
    private readonly List<WriteStream> _streams = [];

    public int Count { get; private set; }

    public ref WriteRow this[int row] => ref _chunks[row >> ChunkBits][row & (ChunkSize - 1)];

    public WriteStream StreamOf(int row) => _streams[this[row].Stream];

    public PartitionLog LogOf(int row) => StreamOf(row).Log;

    /// <summary>The row of a value, or −1 when it was never written.</summary>
    public int RowOfValue(long value) => value < 0 ? -1 : _rowOfValue.Peek(value) - 1;

    /// <summary>The row of a write's operation, or −1.</summary>
    public int RowOfOperation(long operation) => operation < 0 ? -1 : _rowOfOperation.Peek(operation) - 1;

    public int Add(long operation, Write write, PartitionLog log, int transaction, int at, ushort life)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(operation);
        ArgumentOutOfRangeException.ThrowIfNegative(write.Value);
        if (RowOfValue(write.Value) >= 0)
            throw new ArgumentException($"Value {write.Value} is written twice: a history's values are unique.", nameof(write));
        var row = Count++;
        if (row >> ChunkBits == _chunks.Count)
            _chunks.Add(new WriteRow[ChunkSize]);
        var number = StreamNumber(write.Session, log);
        this[row] = new WriteRow
        {
            Value = write.Value, Offset = -1, Stream = number, Transaction = transaction, Previous = _streams[number].LastRow, InvokedAt = at, ConfirmedAt = at, Life = life,
            Traits = (write.Key is null ? 0 : WriteTraits.IsKeyed) | (write.IsTombstone ? WriteTraits.IsTombstone : 0),
        };
        _streams[number].LastRow = row;
        _rowOfValue[write.Value] = row + 1;
        _rowOfOperation[operation] = row + 1;
        return row;
    }

    private int StreamNumber(int session, PartitionLog log)
    {
        if (_streamNumbers.TryGetValue((session, log.Index), out var number))
            return number;
        _streams.Add(new WriteStream(session, log));
        _streamNumbers.Add((session, log.Index), _streams.Count - 1);
        return _streams.Count - 1;
    }
}
