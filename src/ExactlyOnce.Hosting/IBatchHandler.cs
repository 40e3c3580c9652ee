namespace ExactlyOnce;

/// <summary>
/// Works on batches of a topic's records, exactly once; registered by <c>AddPipeline(name).Read(topic).ProcessedBy&lt;THandler&gt;()</c>. What it writes to the
/// output, and that the batch is done, become true together. An instance lives for a batch, in a scope of its own.
/// </summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public interface IBatchHandler<TKey, TValue>
{
    /// <summary>Works on a batch. <see cref="HandlerFailedException.At"/> says which record is to blame for a failure.</summary>
    /// <param name="batch">Consecutive records of one partition; valid until this returns.</param>
    /// <param name="output">Takes what comes of it.</param>
    /// <param name="cancellationToken">Cancelled when the host stops and its patience is over.</param>
    ValueTask HandleAsync(ConsumerBatch<TKey, TValue> batch, TransactionWriter output, CancellationToken cancellationToken);
}
