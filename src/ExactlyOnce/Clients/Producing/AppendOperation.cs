using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Clients.Producing;

internal enum AppendStatus
{
    /// <summary>The outcome is known and set.</summary>
    Completed,

    /// <summary>
    /// The batch was appended, or will be; the outcome follows through <see cref="AppendOperation.OnCompleted"/>. Its sequence numbers are used up.
    /// </summary>
    Pending,

    /// <summary>
    /// Nothing was appended and no sequence number was used; the outcome follows through <see cref="AppendOperation.OnCompleted"/>, because it relied on
    /// something that is not durable yet. For refusals, and for batches whose records are all known by their message ids; batches that are known in part are
    /// answered at once.
    /// </summary>
    PendingRefusal,
}

/// <summary>One sealed batch on its way to a partition, and what became of it. Pooled by its owner; reusable after completion.</summary>
internal abstract class AppendOperation
{
    public const long UnknownTime = -1;

    private BatchHeader _header;
    private ReadOnlyMemory<byte>[]? _rest;

    /// <summary>The producer that signed the batch. Null for batches without one.</summary>
    public ProducerSession? Session { get; set; }

    /// <summary>The partition appended to; used by multi-partition appends.</summary>
    public BackendPartition? Partition { get; set; }

    /// <summary>The encoded batch: CRC set, base offset 0. Its first piece when it came over a network in several.</summary>
    public ReadOnlyMemory<byte> Batch { get; private set; }

    /// <summary>The encoded batch in its pieces.</summary>
    public BatchBytes Bytes => new(Batch.Span, _rest);

    /// <summary>The batch's header, decoded.</summary>
    public ref readonly BatchHeader Header => ref _header;

    /// <summary>
    /// The broker's time, when whoever sealed the batch has just read it; else <see cref="UnknownTime"/>, and the backend reads it. Unix milliseconds.
    /// </summary>
    public long NowMs { get; set; } = UnknownTime;

    /// <summary>Message ids of the records, by position, for topics that deduplicate by id; null entries have none. Null when no record has one.</summary>
    public IReadOnlyList<string?>? MessageIds { get; set; }

    /// <summary>What became of the batch; set before completion.</summary>
    public AppendOutcome Outcome { get; set; }

    /// <summary>Backend-private: the LSN the reply waits for.</summary>
    internal long Lsn { get; set; }

    /// <summary>Gives the operation its bytes: a batch, or the first piece of one, and the others.</summary>
    public void Sign(in BatchHeader header, ReadOnlyMemory<byte> batch, ReadOnlyMemory<byte>[]? rest = null)
    {
        _header = header;
        _rest = rest;
        Batch = batch;
    }

    /// <summary>The outcome of a batch that is in the log.</summary>
    public void SetPlace(long baseOffset, long logAppendTimeMs, bool isDuplicate) =>
        Outcome = new AppendOutcome { BaseOffset = baseOffset, LogAppendTimeMs = logAppendTimeMs, IsDuplicate = isDuplicate };

    /// <summary>Called once by the backend, with <see cref="Outcome"/> set, when <see cref="AppendStatus.Pending"/> was answered.</summary>
    public abstract void OnCompleted();
}

/// <summary>The result of an append.</summary>
internal readonly struct AppendOutcome
{
    public ErrorCode Error { get; init; }

    /// <summary>The offset of the batch's first record; for a duplicate that of the original.</summary>
    public long BaseOffset { get; init; }

    /// <summary>The append time for LogAppendTime topics, else −1. Unix milliseconds.</summary>
    public long LogAppendTimeMs { get; init; }

    /// <summary>The batch was a retry of one that is already in the log.</summary>
    public bool IsDuplicate { get; init; }

    /// <summary>
    /// For error <see cref="ErrorCode.DuplicateSequence"/> on message ids: position in the batch → offset of the original. Nothing was appended; the
    /// caller takes those records out, completes them with the original offsets and appends the rest.
    /// </summary>
    public IReadOnlyDictionary<int, long>? DuplicateMessages { get; init; }

    /// <summary>The exception to surface when <see cref="Error"/> is set: says who, when and why.</summary>
    public BrokerException? Exception { get; init; }
}
