namespace ExactlyOnce;

/// <summary>
/// A store that takes a pipeline's effects and its offsets in one atomic step: a database with a table of offsets, a file written by rename. Because the offset
/// lives with the effects, nothing is applied twice, whenever the process dies.
/// </summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public interface ITransactionalSink<TKey, TValue>
{
    /// <summary>
    /// The next offset to read, as stored by the last write; null when nothing of this partition was written yet. Called when the pipeline takes the partition
    /// over: a store that fences takes its new epoch here.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    ValueTask<long?> LoadNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken);

    /// <summary>
    /// The same, for somebody who only wants to know how far the partition is, and who may not be the one that works on it: takes nothing over. A store that
    /// does not fence need not tell the two apart.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    ValueTask<long?> PeekNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken) => LoadNextOffsetAsync(partition, cancellationToken);

    /// <summary>
    /// Stores the effects of the batch and its <see cref="ConsumerBatch{TKey,TValue}.NextOffset"/>, both or nothing. The batch is empty when only the offset is
    /// to be stored: before a record is dead-lettered that of the record (which may be stored already), and afterwards the one behind it.
    /// </summary>
    /// <param name="batch">The batch; valid during the call.</param>
    /// <param name="cancellationToken">Cancels the call; it must then have had no effect.</param>
    ValueTask WriteAsync(ConsumerBatch<TKey, TValue> batch, CancellationToken cancellationToken);
}
