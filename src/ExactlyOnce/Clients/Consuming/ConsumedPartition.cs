namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// One partition as one consumer reads it. Owned by a <see cref="ConsumerSession"/> and used only in its turn, except for what the caller may ask and
/// order at any time from anywhere: position, seek, pause.
/// </summary>
internal sealed class ConsumedPartition : IDisposable
{
    private const long None = -1;

    private readonly Lock _seekLock = new();
    private long _position;
    private long _seekTo = None;
    private long _seeksBegun;
    private long _seekNumber;
    private volatile bool _isPaused;

    public ConsumedPartition(BrokerBackend backend, BackendPartition partition, long offset, IsolationLevel isolation)
    {
        Partition = partition;
        Id = partition.Id;
        Reader = partition.OpenReader(offset, isolation);
        Run = new BatchRun(backend);
        ReadTo = offset;
        _position = offset;
    }

    public BackendPartition Partition { get; }

    public TopicPartition Id { get; }

    public PartitionReader Reader { get; }

    /// <summary>What was read and is not decoded yet.</summary>
    public BatchRun Run { get; }

    /// <summary>
    /// The offset in front of which everything is decoded; ahead of <see cref="Position"/> while the loop is inside a batch record by record.
    /// </summary>
    public long ReadTo { get; set; }

    /// <summary>The committed offset, as far as this consumer knows; null for none.</summary>
    public long? Committed { get; set; }

    /// <summary>The most records to give at once, when that is other than the consumer's option.</summary>
    public int? RecordsMax { get; set; }

    /// <summary>
    /// Until when the partition may fill up before a small batch of it is given; null when nothing waits. <see cref="TimeProvider"/> timestamp.
    /// </summary>
    public long? FillsUpUntil { get; set; }

    /// <summary>The next offset the loop has not been given, or the one a seek goes to.</summary>
    public long Position
    {
        get
        {
            var seekTo = Volatile.Read(ref _seekTo);
            return seekTo != None ? seekTo : Volatile.Read(ref _position);
        }
    }

    public bool IsPaused
    {
        get => _isPaused;
        set => _isPaused = value;
    }

    /// <summary>The rest of a batch that the loop is given record by record is not wanted any more.</summary>
    public bool IsInterrupted => _isPaused || Volatile.Read(ref _seekTo) != None;

    /// <summary>Orders a move; carried out before the next read.</summary>
    public void SeekTo(long offset) => SeekTo(offset, BeginSeek());

    /// <summary>Announces a move whose offset is still to be looked up. Answers its number for <see cref="SeekTo(long, long)"/>.</summary>
    public long BeginSeek() => Interlocked.Increment(ref _seeksBegun);

    /// <summary>
    /// Orders the move announced under <paramref name="number"/>, unless a later one was announced since: the last seek that was asked for wins, however long
    /// its look-up takes.
    /// </summary>
    public void SeekTo(long offset, long number)
    {
        lock (_seekLock)
        {
            if (number < _seekNumber)
                return;
            _seekNumber = number;
            Volatile.Write(ref _seekTo, offset);
        }
    }

    /// <summary>The loop has been given everything in front of <paramref name="position"/>.</summary>
    public void Give(long position) => Volatile.Write(ref _position, position);

    /// <summary>Makes the reader stand where the loop stands: after a seek, or when the loop left a batch in the middle.</summary>
    public void Align()
    {
        var seekTo = Volatile.Read(ref _seekTo);
        if (seekTo == None)
        {
            if (ReadTo != _position)
                Rewind(_position);
            return;
        }
        // The position is moved before the order is taken back, so that nobody sees the old one in between; a newer order stays.
        Rewind(seekTo);
        Interlocked.CompareExchange(ref _seekTo, None, seekTo);
    }

    /// <summary>Forgets what was read ahead and goes on at <paramref name="offset"/>.</summary>
    public void Rewind(long offset)
    {
        Run.Clear();
        Reader.Seek(offset);
        ReadTo = offset;
        FillsUpUntil = null;
        Give(offset);
    }

    public void Dispose()
    {
        Run.Clear();
        Reader.Dispose();
    }
}
