using System.Data.Common;
using ExactlyOnce.EntityFrameworkCore.Model;
using ExactlyOnce.Sql;
using ExactlyOnce.Sql.Sinks;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace ExactlyOnce.EntityFrameworkCore;

/// <summary>
/// A sink over EF Core: a context and a transaction for each attempt, inside the provider's execution strategy. An attempt that follows one whose commit was
/// not answered first asks the row: that is what verifies an unknown commit.
/// </summary>
internal sealed class ContextSink<TKey, TValue, TContext>(
    Broker broker,
    IDbContextFactory<TContext> contexts,
    string consumer,
    string table,
    Func<ConsumerBatch<TKey, TValue>, TContext, CancellationToken, ValueTask> write)
    : ClaimingSink<TKey, TValue>(consumer, table, broker)
    where TContext : DbContext
{
    private const int ClaimAttempts = 3;

    private readonly string _table = table;

    protected override async ValueTask<StoredOffset> ClaimAsync(TopicPartition partition, string? topicId, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await ExecuteAsync(context => RaiseAsync(context, partition, topicId, cancellationToken), cancellationToken).ConfigureAwait(false);
            }
            catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
            {
                throw MissingTable(exception);
            }
            catch (DbUpdateException) when (attempt < ClaimAttempts)
            {
                // Two that meet at a row which does not exist yet: one of them cannot insert it, and finds it the next time.
            }
        }
    }

    protected override ValueTask<StoredOffset?> SettleAsync(TopicPartition partition, long epoch, CancellationToken cancellationToken) =>
        ExecuteAsync(context => HoldAsync(context, partition, epoch, cancellationToken), cancellationToken);

    protected override async ValueTask<StoredOffset?> PeekAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        try
        {
            return await ExecuteAsync(context => ReadAsync(context, partition, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
        {
            throw MissingTable(exception);
        }
    }

    protected override ValueTask<bool> TryCommitAsync(ConsumerBatch<TKey, TValue> batch, PartitionClaim claim, CancellationToken cancellationToken) =>
        ExecuteAsync(
            async context =>
            {
                // An earlier attempt of this strategy, whose commit was not answered.
                if (claim.IsInDoubt && await ResolveAsync(batch, claim, cancellationToken).ConfigureAwait(false))
                    return true;
                return await AttemptAsync(context, batch, claim, cancellationToken).ConfigureAwait(false);
            },
            cancellationToken);

    private async Task<bool> AttemptAsync(TContext context, ConsumerBatch<TKey, TValue> batch, PartitionClaim claim, CancellationToken cancellationToken)
    {
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        if (batch.Count > 0)
        {
            await write(batch, context, cancellationToken).ConfigureAwait(false);
            await context.SaveChangesAsync(cancellationToken).ConfigureAwait(false);
        }
        if (context.Database.CurrentTransaction != transaction)
            throw new InvalidOperationException(
                "The handler ended the transaction. It must leave that to the sink: effects and offset are committed together.");

        // Behind the effects, so that a handler that takes its time (or a zombie that is asleep) does not keep anybody from taking the row over.
        var (epoch, expected, next) = (claim.Epoch, claim.NextOffset, batch.NextOffset);
        var moved = await Rows(context, claim.Partition).Where(row => row.Epoch == epoch && row.NextOffset == expected)
            .ExecuteUpdateAsync(rows => rows.SetProperty(row => row.NextOffset, next), cancellationToken).ConfigureAwait(false);
        if (moved != 1)
            return false;
        cancellationToken.ThrowIfCancellationRequested();
        claim.BeginCommit(next);
        // Not cancellable: a commit that was cancelled half-way is one whose outcome nobody knows.
        await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
        return true;
    }

    // An UPDATE holds the row until its transaction ends, so that what is read after it cannot change any more.
    private async Task<StoredOffset> RaiseAsync(TContext context, TopicPartition partition, string? topicId, CancellationToken cancellationToken)
    {
        await using var transaction = await BeginAsync(context, cancellationToken).ConfigureAwait(false);
        var rows = Rows(context, partition);
        if (await rows.ExecuteUpdateAsync(all => all.SetProperty(row => row.Epoch, row => row.Epoch + 1), cancellationToken).ConfigureAwait(false) == 0)
        {
            context.Add(new OffsetEntity
            {
                Consumer = Consumer,
                Topic = partition.Topic,
                PartitionIndex = partition.Partition,
                NextOffset = StoredOffset.None,
                Epoch = 1,
                TopicId = topicId,
            });
            await context.SaveChangesAsync(cancellationToken).ConfigureAwait(false);
        }
        var row = (await ReadAsync(context, partition, cancellationToken).ConfigureAwait(false))!.Value;
        if (topicId is not null && row.TopicId is not null && row.TopicId != topicId)
            throw SqlMismatches.ReplacedTopic(Consumer, partition, _table);
        if (row.TopicId is null && topicId is not null)
            await rows.ExecuteUpdateAsync(all => all.SetProperty(row => row.TopicId, topicId), cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return row;
    }

    private async Task<StoredOffset?> HoldAsync(TContext context, TopicPartition partition, long epoch, CancellationToken cancellationToken)
    {
        await using var transaction = await BeginAsync(context, cancellationToken).ConfigureAwait(false);
        var held = await Rows(context, partition).Where(row => row.Epoch == epoch)
            .ExecuteUpdateAsync(all => all.SetProperty(row => row.Epoch, row => row.Epoch), cancellationToken).ConfigureAwait(false);
        return held == 0 ? null : await ReadAsync(context, partition, cancellationToken).ConfigureAwait(false);
    }

    private async Task<StoredOffset?> ReadAsync(TContext context, TopicPartition partition, CancellationToken cancellationToken)
    {
        var row = await Rows(context, partition).AsNoTracking().SingleOrDefaultAsync(cancellationToken).ConfigureAwait(false);
        return row is null ? null : new StoredOffset(row.Epoch, row.NextOffset, row.TopicId);
    }

    private static Task<IDbContextTransaction> BeginAsync(TContext context, CancellationToken cancellationToken) =>
        context.Database.BeginTransactionAsync(System.Data.IsolationLevel.ReadCommitted, cancellationToken);

    private IQueryable<OffsetEntity> Rows(TContext context, TopicPartition partition)
    {
        var (topic, index) = (partition.Topic, partition.Partition);
        return context.Set<OffsetEntity>().Where(row => row.Consumer == Consumer && row.Topic == topic && row.PartitionIndex == index);
    }

    /// <summary>
    /// Each attempt has a context of its own: what a failed one tracked must not be saved by the next. Between two attempts the strategy may be cancelled.
    /// </summary>
    private async ValueTask<T> ExecuteAsync<T>(Func<TContext, Task<T>> attempt, CancellationToken cancellationToken)
    {
        await using var outer = await contexts.CreateDbContextAsync(cancellationToken).ConfigureAwait(false);
        return await outer.Database.CreateExecutionStrategy().ExecuteAsync(
            async _ =>
            {
                await using var context = await contexts.CreateDbContextAsync(cancellationToken).ConfigureAwait(false);
                return await attempt(context).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
    }

    private SqlMismatchException MissingTable(DbException cause) => new(
        $"The table {_table} does not exist. The model of {typeof(TContext).Name} has it: add a migration and update the database.", cause);
}
