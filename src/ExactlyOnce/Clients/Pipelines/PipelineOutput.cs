using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>
/// Where one worker's batches go: the application's code, and the atomic step that makes its effects and the next offset true together. Owned by the worker,
/// created and disposed with its session. Each call either has happened as a whole or throws and has had no effect.
/// Exceptions: <see cref="HandlerFailure"/> for the application's, <see cref="BrokerException"/>s as they are.
/// </summary>
internal abstract class PipelineOutput<TKey, TValue> : IAsyncDisposable
{
    /// <summary>Finds committed offsets that the group does not know; null when the group does.</summary>
    public abstract Func<TopicPartition, CancellationToken, ValueTask<long?>>? FindPosition { get; }

    /// <summary>Commits a beginning.</summary>
    public abstract ValueTask StoreStartAsync(ConsumerSession session, TopicPartition partition, long offset, CancellationToken cancellationToken);

    /// <summary>The committed offsets, as the log (or the sink) knows them now; partitions without one are absent.</summary>
    public abstract ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FindCommittedAsync(
        IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken);

    /// <summary>Has the application work on the batch, and commits.</summary>
    public abstract ValueTask ProcessAsync(ConsumerSession session, ConsumerBatch<TKey, TValue> batch, CancellationToken cancellationToken);

    /// <summary>Writes the record into the dead-letter topic and commits the offset behind it.</summary>
    public abstract ValueTask DeadLetterAsync(ConsumerSession session, DeadLetter letter, long nextOffset, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
