using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>Batches into topics: what the handler writes and the offset of what it read are one transaction.</summary>
internal sealed class TransactionOutput<TKey, TValue>(
    BrokerBackend backend,
    string pipeline,
    TransactionalProducer producer,
    string? deadLetterTopic,
    Func<ConsumerBatch<TKey, TValue>, TransactionWriter, CancellationToken, ValueTask> process) : PipelineOutput<TKey, TValue>
{
    private readonly DeadLetterTopic? _deadLetters = deadLetterTopic is null ? null : new DeadLetterTopic(deadLetterTopic, pipeline);

    public override Func<TopicPartition, CancellationToken, ValueTask<long?>>? FindPosition => null;

    public override ValueTask StoreStartAsync(ConsumerSession session, TopicPartition partition, long offset, CancellationToken cancellationToken) =>
        session.Membership!.CommitAsync(OffsetOf(partition, offset), cancellationToken);

    public override ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FindCommittedAsync(
        IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken) =>
        backend.FetchOffsetsAsync(pipeline, partitions, cancellationToken);

    public override async ValueTask ProcessAsync(ConsumerSession session, ConsumerBatch<TKey, TValue> batch, CancellationToken cancellationToken)
    {
        await using var transaction = await producer.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await CallAsync(batch, transaction, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (HandlerFailure.Is(exception, cancellationToken))
        {
            throw HandlerFailure.Of(exception, batch.TopicPartition);
        }
        await CommitAsync(transaction, session, batch.TopicPartition, batch.NextOffset, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DeadLetterAsync(ConsumerSession session, DeadLetter letter, long nextOffset, CancellationToken cancellationToken)
    {
        await using var transaction = await producer.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await _deadLetters!.SendAsync(transaction, letter, backend.Time.GetUtcNow(), cancellationToken).ConfigureAwait(false);
        await CommitAsync(transaction, session, letter.Source, nextOffset, cancellationToken).ConfigureAwait(false);
    }

    public override ValueTask DisposeAsync() => producer.DisposeAsync();

    private async ValueTask CallAsync(ConsumerBatch<TKey, TValue> batch, Transaction transaction, CancellationToken cancellationToken)
    {
        var partition = batch.TopicPartition;
        backend.EnterHandler(producer.TransactionalId, partition);
        var isSuccess = false;
        try
        {
            await process(batch, transaction, cancellationToken).ConfigureAwait(false);
            isSuccess = true;
        }
        finally
        {
            if (backend.BehindHandler is { } scheduler)
                await new SchedulerHop(scheduler);
            backend.LeaveHandler(producer.TransactionalId, partition, isSuccess);
        }
    }

    private ValueTask CommitAsync(
        Transaction transaction, ConsumerSession session, TopicPartition partition, long nextOffset, CancellationToken cancellationToken)
    {
        transaction.AddOffsets(new TransactionOffsets(pipeline, session.Membership, OffsetOf(partition, nextOffset)));
        return transaction.CommitAsync(cancellationToken);
    }

    private static Dictionary<TopicPartition, CommittedOffset> OffsetOf(TopicPartition partition, long offset) =>
        new(1) { [partition] = new CommittedOffset(offset) };
}
