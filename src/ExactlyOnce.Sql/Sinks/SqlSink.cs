using System.Data.Common;

namespace ExactlyOnce.Sql.Sinks;

/// <summary>A sink over ADO.NET: one connection, one transaction per batch.</summary>
internal sealed class SqlSink<TKey, TValue>(
    Broker broker,
    DbDataSource dataSource,
    string consumer,
    SqlSinkOptions options,
    Func<ConsumerBatch<TKey, TValue>, DbTransaction, CancellationToken, ValueTask> write)
    : ClaimingSink<TKey, TValue>(consumer, options.Table, broker)
{
    private OffsetTable? _offsets;

    protected override async ValueTask<StoredOffset> ClaimAsync(TopicPartition partition, string? topicId, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return await OffsetsOf(connection).ClaimAsync(connection, partition, topicId, cancellationToken).ConfigureAwait(false);
    }

    protected override async ValueTask<StoredOffset?> SettleAsync(TopicPartition partition, long epoch, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return await OffsetsOf(connection).SettleAsync(connection, partition, epoch, cancellationToken).ConfigureAwait(false);
    }

    protected override async ValueTask<StoredOffset?> PeekAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return await OffsetsOf(connection).ReadAsync(connection, transaction: null, partition, cancellationToken).ConfigureAwait(false);
    }

    protected override async ValueTask<bool> TryCommitAsync(ConsumerBatch<TKey, TValue> batch, PartitionClaim claim, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(options.Isolation, cancellationToken).ConfigureAwait(false);
        var offsets = OffsetsOf(connection);
        if (batch.Count > 0)
            await write(batch, transaction, cancellationToken).ConfigureAwait(false);

        // Behind the effects, so that a handler that takes its time (or a zombie that is asleep) does not keep anybody from taking the row over.
        if (!await TryMoveAsync(offsets, transaction, batch, claim, cancellationToken).ConfigureAwait(false))
            return false;
        cancellationToken.ThrowIfCancellationRequested();
        claim.BeginCommit(batch.NextOffset);
        // Not cancellable: a commit that was cancelled half-way is one whose outcome nobody knows.
        await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
        return true;
    }

    private static async ValueTask<bool> TryMoveAsync(
        OffsetTable offsets, DbTransaction transaction, ConsumerBatch<TKey, TValue> batch, PartitionClaim claim, CancellationToken cancellationToken)
    {
        try
        {
            var known = new StoredOffset(claim.Epoch, claim.NextOffset);
            return await offsets.TryMoveAsync(transaction, claim.Partition, known, batch.NextOffset, cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidOperationException(
                "The handler ended the transaction, or the database did. The handler must leave that to the sink: effects and offset are committed together.",
                exception);
        }
    }

    private OffsetTable OffsetsOf(DbConnection connection) =>
        _offsets ??= new OffsetTable(options.Dialect ?? SqlDialect.Of(connection), options.Table, Consumer);
}
