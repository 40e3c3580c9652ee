using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.References;

namespace ExactlyOnce.Clients;

/// <summary>
/// A partition as clients hold it: resolved once, then used without look-ups. Stays valid until the topic is deleted, then answers UnknownTopicOrPartition.
/// </summary>
internal abstract class BackendPartition
{
    public abstract TopicPartition Id { get; }

    /// <summary>The backend's own partition, when this is one that somebody has put around it.</summary>
    public virtual BackendPartition Innermost => this;

    /// <summary>The topic's current configuration (size limit, timestamp type).</summary>
    public abstract TopicOptions TopicOptions { get; }

    /// <summary>The topic was deleted; one of the same name is another one.</summary>
    public abstract bool IsDeleted { get; }

    /// <summary>The objects that values refer to; null where only bytes can be held.</summary>
    public virtual ReferenceTable? References => null;

    /// <summary>
    /// Appends one sealed batch. Called with the accumulator's lock held, so it runs no user code and does no IO.
    /// Completed: <see cref="AppendOperation.Outcome"/> is set and the caller completes its waiters after releasing its lock.
    /// Pending: the backend sets the outcome later and calls <see cref="AppendOperation.OnCompleted"/> exactly once, on
    /// <see cref="BrokerBackend.Completions"/>.
    /// The batch's bytes may be reused as soon as this returns.
    /// </summary>
    public abstract AppendStatus Append(AppendOperation operation);

    /// <summary>True when <see cref="Append"/> has always answered when it returns, because there is nothing to wait for. Does not change.</summary>
    public abstract bool AnswersAtOnce { get; }

    /// <summary>
    /// True when the backend has more unwritten data than it wants; producers then await <see cref="WaitForRoomAsync"/> before they take any lock.
    /// </summary>
    public abstract bool IsCongested { get; }

    public abstract ValueTask WaitForRoomAsync(CancellationToken cancellationToken);

    /// <summary>Opens a reader at an offset. Out-of-range offsets surface from <see cref="PartitionReader.TryRead"/>.</summary>
    public abstract PartitionReader OpenReader(long offset, IsolationLevel isolation);

    public abstract PartitionOffsets Offsets { get; }

    /// <summary>
    /// The first offset that can be read. A deletion moves it at once; <see cref="Offsets"/> tells of it when no crash can take it back any more.
    /// </summary>
    public abstract long ReadableFrom { get; }

    /// <summary>
    /// The first offset whose record's timestamp is at or after <paramref name="timestampMs"/>; null when there is none below the isolation's limit. Skips
    /// aborted data under read_committed.
    /// </summary>
    public abstract long? FindOffset(long timestampMs, IsolationLevel isolation);

    /// <summary>The same with the record's timestamp.</summary>
    public virtual FoundOffset? FindRecord(long timestampMs, IsolationLevel isolation) => throw new NotSupportedException();

    /// <summary>The first record with the largest timestamp; null when there is none below the isolation's limit.</summary>
    public virtual FoundOffset? FindLargestTimestamp(IsolationLevel isolation) => throw new NotSupportedException();

    /// <summary>How many records a reader at <paramref name="fromOffset"/> would still be given.</summary>
    public abstract long CountDeliverable(long fromOffset, IsolationLevel isolation);

    // For clients across a wire. A backend that serves none need not have them.

    /// <summary>Tells the topic from an earlier one of the same name.</summary>
    public virtual Guid TopicId => throw new NotSupportedException();

    /// <summary>The leader epoch that batches appended now carry.</summary>
    public virtual int LeaderEpoch => throw new NotSupportedException();

    /// <summary>About how much the partition's log takes.</summary>
    public virtual long SizeInBytes => throw new NotSupportedException();

    public virtual RawReader OpenRawReader() => throw new NotSupportedException();
}

/// <summary>The marks of a partition at one moment.</summary>
/// <param name="LogStart">First offset kept.</param>
/// <param name="HighWatermark">End of what is durable: the next offset a read_uncommitted reader waits for.</param>
/// <param name="LastStable">End of what read_committed readers may see.</param>
internal readonly record struct PartitionOffsets(long LogStart, long HighWatermark, long LastStable);
