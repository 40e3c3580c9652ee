using System.Collections.Concurrent;

namespace ExactlyOnce.Sql.Sinks;

/// <summary>
/// The rules by which a database takes each record once, whatever the way to the database is. One row per consumer and partition holds the next offset, an
/// epoch, and the id of the topic.
/// <list type="bullet">
/// <item>Taking a partition over raises the epoch. From that moment the row refuses everybody who took it over earlier: zombies.</item>
/// <item>A batch is one database transaction: its effects, and the row moved from the offset it is known to have, under the epoch it is known to have. If the
/// row does not match, the transaction is rolled back.</item>
/// <item>A commit whose answer is lost is settled by the row: an UPDATE that changes nothing waits for a transaction that is still at work on it, so that what
/// it then says is final.</item>
/// </list>
/// Exceptions: <see cref="StaleEpochException"/>, <see cref="SqlMismatchException"/>; those of the handler and of the database as they are.
/// </summary>
internal abstract class ClaimingSink<TKey, TValue>(string consumer, string table, Broker broker) : ITransactionalSink<TKey, TValue>
{
    private readonly ConcurrentDictionary<TopicPartition, PartitionClaim> _claims = new();

    /// <summary>The name under which offsets are kept.</summary>
    protected string Consumer { get; } = consumer;

    public async ValueTask<long?> LoadNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken) =>
        (await TakeOverAsync(partition, cancellationToken).ConfigureAwait(false)).ToPosition();

    public async ValueTask<long?> PeekNextOffsetAsync(TopicPartition partition, CancellationToken cancellationToken) =>
        (await PeekAsync(partition, cancellationToken).ConfigureAwait(false))?.ToPosition();

    public async ValueTask WriteAsync(ConsumerBatch<TKey, TValue> batch, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (!_claims.TryGetValue(batch.TopicPartition, out var claim))
        {
            await TakeOverAsync(batch.TopicPartition, cancellationToken).ConfigureAwait(false);
            claim = _claims[batch.TopicPartition];
        }
        try
        {
            await WriteAsync(batch, claim, cancellationToken).ConfigureAwait(false);
        }
        catch (StaleEpochException)
        {
            // Whoever comes next begins by taking over.
            _claims.TryRemove(KeyValuePair.Create(batch.TopicPartition, claim));
            throw;
        }
    }

    /// <summary>Raises the epoch of the row, whoever has it, and creates the row when there is none. Refuses the row of another topic.</summary>
    protected abstract ValueTask<StoredOffset> ClaimAsync(TopicPartition partition, string? topicId, CancellationToken cancellationToken);

    /// <summary>Waits for whoever is at work on the row, and then reads it; null when its epoch is not the one given.</summary>
    protected abstract ValueTask<StoredOffset?> SettleAsync(TopicPartition partition, long epoch, CancellationToken cancellationToken);

    /// <summary>Reads the row; null when there is none.</summary>
    protected abstract ValueTask<StoredOffset?> PeekAsync(TopicPartition partition, CancellationToken cancellationToken);

    /// <summary>
    /// Carries the batch out in one transaction: handler, then the row. Says <see cref="PartitionClaim.BeginCommit"/> before it commits, and leaves
    /// <see cref="PartitionClaim.Advance"/> to the caller. False when the row did not match; then nothing was written.
    /// </summary>
    protected abstract ValueTask<bool> TryCommitAsync(ConsumerBatch<TKey, TValue> batch, PartitionClaim claim, CancellationToken cancellationToken);

    /// <summary>True when there is nothing left to do for the batch, because an earlier attempt at it, whose answer was lost, took effect.</summary>
    protected async ValueTask<bool> ResolveAsync(ConsumerBatch<TKey, TValue> batch, PartitionClaim claim, CancellationToken cancellationToken)
    {
        if (claim.IsInDoubt)
            claim.Settle(await SettleAsync(claim.Partition, claim.Epoch, cancellationToken).ConfigureAwait(false) ?? throw Stale(claim, cause: null));
        if (!claim.IsSettled(batch.FirstOffset, batch.NextOffset))
            return false;
        SinkMeter.RecordSkipped(claim.Partition, Consumer, batch.Count);
        return true;
    }

    private async ValueTask<StoredOffset> TakeOverAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        var topicId = broker.Admin.DescribeTopic(partition.Topic)?.Id.ToString("D");
        var row = await ClaimAsync(partition, topicId, cancellationToken).ConfigureAwait(false);
        _claims[partition] = new PartitionClaim(partition, row);
        return row;
    }

    private async ValueTask WriteAsync(ConsumerBatch<TKey, TValue> batch, PartitionClaim claim, CancellationToken cancellationToken)
    {
        if (await ResolveAsync(batch, claim, cancellationToken).ConfigureAwait(false))
            return;
        if (batch.FirstOffset < claim.NextOffset)
            throw Behind(batch.FirstOffset, claim);
        try
        {
            if (!await TryCommitAsync(batch, claim, cancellationToken).ConfigureAwait(false))
                throw Stale(claim, cause: null);
        }
        catch (Exception exception) when (claim.IsInDoubt && exception is not StaleEpochException)
        {
            if (await IsDoneAfterAllAsync(batch, claim).ConfigureAwait(false))
                return;
            throw;
        }
        catch (Exception exception) when (exception is not (BrokerException or OperationCanceledException))
        {
            // A zombie's effects may meet those of its successor before its row does: then the row is the reason, not what they met with.
            if (await IsStaleAsync(claim, cancellationToken).ConfigureAwait(false))
                throw Stale(claim, exception);
            throw;
        }
        claim.Advance(batch.NextOffset);
    }

    /// <summary>
    /// Not cancellable: whoever cancels wants to know, too. When the database cannot be asked, the claim stays in doubt until the next attempt.
    /// </summary>
    private async ValueTask<bool> IsDoneAfterAllAsync(ConsumerBatch<TKey, TValue> batch, PartitionClaim claim)
    {
        try
        {
            return await ResolveAsync(batch, claim, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not BrokerException)
        {
            return false;
        }
    }

    private async ValueTask<bool> IsStaleAsync(PartitionClaim claim, CancellationToken cancellationToken)
    {
        try
        {
            return await PeekAsync(claim.Partition, cancellationToken).ConfigureAwait(false) is { } row && row.Epoch != claim.Epoch;
        }
        catch (Exception exception) when (exception is not BrokerException)
        {
            return false;
        }
    }

    private StaleEpochException Stale(PartitionClaim claim, Exception? cause) => new(
        $"{claim.Partition} was taken over from '{Consumer}' (epoch {claim.Epoch}): its row in {table} has a newer epoch or another offset than "
        + $"{claim.NextOffset}. Nothing of the batch was written; whoever has the partition now goes on.", cause);

    private BrokerException Behind(long firstOffset, PartitionClaim claim)
    {
        var given = $"'{Consumer}' was given offset {firstOffset} of {claim.Partition}, but ";
        return claim.HasMoved
            ? new StaleEpochException($"{given}everything below {claim.NextOffset} was written meanwhile. Nothing was written twice.")
            : new SqlMismatchException(
                $"{given}{table} says that everything below {claim.NextOffset} is done. The broker's folder was probably restored from a backup that is older "
                + "than the database. To read again what the log has, set next_offset of that row (consumer, topic, partition_index) to the offset to begin "
                + "at, or delete the row, while the pipeline is stopped.");
    }
}
