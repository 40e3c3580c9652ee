using System.Text;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Clients.Producing;

/// <summary>One partition of a <see cref="FakeBackend"/>.</summary>
internal sealed class FakePartition(FakeBackend backend, TopicPartition id) : BackendPartition
{
    private readonly Dictionary<ProducerIdentity, int> _nextSequences = [];
    private readonly TaskCompletionSource _room = new();

    public List<StoredRecord> Records { get; } = [];

    public List<BatchHeader> Batches { get; } = [];

    public IEnumerable<string?> Values => Records.Select(record => record.Value);

    public TopicOptions Options { get; set; } = new();

    public bool Congested { get; set; }

    /// <summary>Keeps nothing and checks nothing: for measuring.</summary>
    public bool IsBottomless { get; set; }

    public override TopicPartition Id => id;

    public override TopicOptions TopicOptions => Options;

    public override bool IsDeleted => false;

    /// <summary>A lone record takes its short way when a test does not hold answers back.</summary>
    public override bool AnswersAtOnce => !backend.HoldsAnswers;

    public override bool IsCongested => Congested;

    public override long ReadableFrom => 0;

    public override PartitionOffsets Offsets => new(0, Records.Count, Records.Count);

    public void MakeRoom()
    {
        Congested = false;
        _room.TrySetResult();
    }

    public override ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => new(_room.Task.WaitAsync(cancellationToken));

    public override AppendStatus Append(AppendOperation operation)
    {
        if (IsBottomless)
        {
            operation.Outcome = default;
            return AppendStatus.Completed;
        }
        lock (backend)
        {
            if (backend.TakeRefusal() is { } refusal)
            {
                operation.Outcome = refusal;
                return AppendStatus.Completed;
            }
            return backend.Answer(operation, Store(operation));
        }
    }

    public AppendOutcome Store(AppendOperation operation)
    {
        BatchHeader.HasValidCrc(operation.Batch.Span).Should().BeTrue();
        var header = operation.Header;
        if (FindKnown(operation.MessageIds) is { } known)
            return new AppendOutcome { Error = ErrorCode.DuplicateSequence, DuplicateMessages = known };
        if (backend.ChecksSequences && header.BaseSequence != _nextSequences.GetValueOrDefault(header.Producer))
        {
            var exception = ErrorTable.ToException(
                ErrorCode.OutOfOrderSequence, $"{id}: sequence {header.BaseSequence}, expected {_nextSequences.GetValueOrDefault(header.Producer)}.");
            return new AppendOutcome { Error = exception.Code, Exception = exception };
        }
        _nextSequences[header.Producer] = Sequence.Add(header.BaseSequence, header.RecordCount);
        var baseOffset = Records.Count;
        Batches.Add(header);
        foreach (var record in BatchReader.Open(operation.Batch.Span))
            Records.Add(ToStored(record));
        for (var i = 0; i < operation.MessageIds?.Count; i++)
            if (operation.MessageIds[i] is { } messageId)
                backend.MessageIds[messageId] = baseOffset + i;
        return new AppendOutcome { BaseOffset = baseOffset, LogAppendTimeMs = -1 };
    }

    public override PartitionReader OpenReader(long offset, IsolationLevel isolation) => throw new NotSupportedException();

    public override long? FindOffset(long timestampMs, IsolationLevel isolation) => throw new NotSupportedException();

    public override long CountDeliverable(long fromOffset, IsolationLevel isolation) => throw new NotSupportedException();

    private Dictionary<int, long>? FindKnown(IReadOnlyList<string?>? messageIds)
    {
        Dictionary<int, long>? known = null;
        for (var i = 0; i < messageIds?.Count; i++)
            if (messageIds[i] is { } messageId && backend.MessageIds.TryGetValue(messageId, out var offset))
                (known ??= [])[i] = offset;
        return known;
    }

    private static StoredRecord ToStored(in RecordView record) => new(
        record.HasKey ? Encoding.UTF8.GetString(record.Key) : null,
        record.HasValue ? Encoding.UTF8.GetString(record.Value) : null,
        record.Headers.ToHeaders(),
        record.TimestampMs);
}

internal sealed record StoredRecord(string? Key, string? Value, RecordHeaders Headers, long TimestampMs);
