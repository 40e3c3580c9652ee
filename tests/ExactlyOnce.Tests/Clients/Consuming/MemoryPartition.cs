using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Clients.Consuming;

/// <summary>What became of a batch of the in-memory log.</summary>
internal enum BatchFate
{
    Plain,
    Open,
    Committed,
    Aborted,
    Marker,
}

/// <summary>A batch in the log.</summary>
internal sealed class LogEntry
{
    public required byte[] Batch { get; init; }

    public required BatchHeader Header { get; init; }

    public required BatchFate Fate { get; set; }

    public ProducerSession? Writer { get; init; }

    public bool IsDeliverable(IsolationLevel isolation) => Fate switch
    {
        BatchFate.Marker => false,
        BatchFate.Plain or BatchFate.Committed => true,
        _ => isolation == IsolationLevel.ReadUncommitted,
    };
}

/// <summary>A partition as a list of batches: the least that behaves as the port says. All of it under the backend's lock.</summary>
internal sealed class MemoryPartition(MemoryBackend backend, TopicPartition id, TopicOptions options) : BackendPartition
{
    private readonly HashSet<ReadSignal> _waiting = [];

    public List<LogEntry> Entries { get; } = [];

    public long LogStart { get; set; }

    public long LogEnd { get; private set; }

    public override TopicPartition Id => id;

    public override TopicOptions TopicOptions => options;

    public override bool IsDeleted => false;

    public override bool AnswersAtOnce => true;

    public override bool IsCongested => false;

    public override long ReadableFrom => Offsets.LogStart;

    public override PartitionOffsets Offsets
    {
        get
        {
            lock (backend.Gate)
                return new PartitionOffsets(LogStart, LogEnd, LastStable);
        }
    }

    private long LastStable => Entries.Find(entry => entry.Fate == BatchFate.Open)?.Header.BaseOffset ?? LogEnd;

    public long Limit(IsolationLevel isolation) => isolation == IsolationLevel.ReadCommitted ? LastStable : LogEnd;

    public override ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => default;

    public override AppendStatus Append(AppendOperation operation)
    {
        lock (backend.Gate)
        {
            if (operation.Session?.Fenced is { } fenced)
            {
                operation.Outcome = new AppendOutcome { Error = fenced.Code, Exception = fenced };
                return AppendStatus.Completed;
            }
            var fate = operation.Header.IsTransactional ? BatchFate.Open : BatchFate.Plain;
            operation.Outcome = new AppendOutcome { BaseOffset = Add(operation.Batch.ToArray(), fate, operation.Session), LogAppendTimeMs = -1 };
            return AppendStatus.Completed;
        }
    }

    /// <summary>Appends a batch and answers its base offset.</summary>
    public long Add(byte[] batch, BatchFate fate, ProducerSession? writer)
    {
        lock (backend.Gate)
        {
            var baseOffset = LogEnd;
            BatchHeader.Place(batch, baseOffset, 0);
            var entry = new LogEntry { Batch = batch, Header = BatchHeader.Read(batch), Fate = fate, Writer = writer };
            Entries.Add(entry);
            LogEnd = entry.Header.NextOffset;
            WakeAll();
            return baseOffset;
        }
    }

    /// <summary>Ends the writer's transaction here: its batches get their fate, and a marker takes an offset.</summary>
    public void End(ProducerSession writer, bool commit)
    {
        var open = Entries.Where(entry => entry.Fate == BatchFate.Open && entry.Writer == writer).ToList();
        if (open.Count == 0)
            return;
        foreach (var entry in open)
            entry.Fate = commit ? BatchFate.Committed : BatchFate.Aborted;
        Add(Records.Batch(("marker", "")), BatchFate.Marker, writer);
    }

    public override PartitionReader OpenReader(long offset, IsolationLevel isolation) => new MemoryReader(backend, this, offset, isolation);

    public override long? FindOffset(long timestampMs, IsolationLevel isolation)
    {
        lock (backend.Gate)
            foreach (var entry in Entries.Where(entry => entry.IsDeliverable(isolation) && entry.Header.NextOffset <= Limit(isolation)))
                foreach (var record in BatchReader.Open(entry.Batch))
                    if (record.TimestampMs >= timestampMs && record.Offset >= LogStart)
                        return record.Offset;
        return null;
    }

    public override long CountDeliverable(long fromOffset, IsolationLevel isolation)
    {
        lock (backend.Gate)
        {
            var count = 0L;
            foreach (var entry in Entries.Where(entry => entry.IsDeliverable(isolation) && entry.Header.NextOffset <= Limit(isolation)))
                foreach (var record in BatchReader.Open(entry.Batch))
                    if (record.Offset >= fromOffset && record.Offset >= LogStart)
                        count++;
            return count;
        }
    }

    public void Register(ReadSignal signal) => _waiting.Add(signal);

    private void WakeAll()
    {
        foreach (var signal in _waiting)
            signal.Set();
        _waiting.Clear();
    }
}
