using System.Data;
using System.Data.Common;
using ExactlyOnce.Sql.Sinks;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>
/// An outbox as a numbered source. Rows get their numbers here and not when they are written, because the identity values of concurrent transactions become
/// visible in any order: a reader that remembers "everything up to 41" passes over row 40 if that is committed later. Here a row is numbered when it is seen,
/// after everything that was seen before, and the number is committed before anything is published: whatever dies, a row keeps the number under which the
/// broker may already know it. The counter is a row in the table of offsets, under its epoch, so that only the newest relay numbers. Owned by one relay, called
/// by one loop.
/// </summary>
internal sealed class OutboxSource(ConnectionSource connections, SqlOutboxOptions options)
{
    /// <summary>What stands for a topic in the counter's row.</summary>
    public const string CounterName = "outbox";

    private readonly TopicPartition _counter = new(CounterName, 0);
    private OffsetTable? _offsets;
    private OutboxTable? _rows;
    private StoredOffset? _claim;
    private long? _epochInDoubt;

    /// <summary>The number that the next row gets: every number below it was given, none from it on.</summary>
    public long NextSequence => Math.Max(_claim!.Value.NextOffset, 0);

    /// <summary>Takes the outbox over, for good or until somebody else does.</summary>
    public async ValueTask ClaimAsync(CancellationToken cancellationToken)
    {
        await using var lease = await OpenAsync(cancellationToken).ConfigureAwait(false);
        _claim = await _offsets!.ClaimAsync(lease.Connection, _counter, topicId: null, cancellationToken).ConfigureAwait(false);
    }

    /// <exception cref="StaleEpochException">Somebody else has taken the outbox over.</exception>
    public async ValueTask ThrowIfStaleAsync(CancellationToken cancellationToken)
    {
        await using var lease = await OpenAsync(cancellationToken).ConfigureAwait(false);
        var row = await _offsets!.ReadAsync(lease.Connection, transaction: null, _counter, cancellationToken).ConfigureAwait(false);
        if (row?.Epoch != _claim!.Value.Epoch)
            throw Stale();
    }

    /// <summary>The next rows to publish, in the order of their numbers; numbers new ones when no others are left. Empty when there are none.</summary>
    public async ValueTask<List<OutboxRow>> ReadAsync(CancellationToken cancellationToken)
    {
        await using var lease = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await SettleAsync(lease.Connection, cancellationToken).ConfigureAwait(false);
        var rows = await _rows!.ReadAsync(lease.Connection, options.MaxBatchRows, cancellationToken).ConfigureAwait(false);
        if (rows.Count > 0 || !await NumberAsync(lease.Connection, cancellationToken).ConfigureAwait(false))
            return rows;
        return await _rows.ReadAsync(lease.Connection, options.MaxBatchRows, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The rows up to this one are in the log.</summary>
    public async ValueTask DeleteAsync(OutboxRow last, CancellationToken cancellationToken)
    {
        await using var lease = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await _rows!.DeleteAsync(lease.Connection, last.Sequence, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<bool> NumberAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var known = _claim!.Value;
        var first = Math.Max(known.NextOffset, 0);
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
        var count = await _rows!.NumberAsync(transaction, first, options.MaxBatchRows, cancellationToken).ConfigureAwait(false);
        if (count == 0)
            return false;
        if (!await _offsets!.TryMoveAsync(transaction, _counter, known, first + count, cancellationToken).ConfigureAwait(false))
            throw Stale();
        _epochInDoubt = known.Epoch;
        await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
        _epochInDoubt = null;
        _claim = known with { NextOffset = first + count };
        return true;
    }

    // A commit whose answer was lost: the counter says whether it took place.
    private async ValueTask SettleAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        if (_epochInDoubt is not { } epoch)
            return;
        _claim = await _offsets!.SettleAsync(connection, _counter, epoch, cancellationToken).ConfigureAwait(false) ?? throw Stale();
        _epochInDoubt = null;
    }

    private async ValueTask<ConnectionLease> OpenAsync(CancellationToken cancellationToken)
    {
        var lease = await connections.OpenAsync(cancellationToken).ConfigureAwait(false);
        if (_offsets is null)
        {
            var dialect = options.Dialect ?? SqlDialect.Of(lease.Connection);
            _rows = new OutboxTable(dialect, options.Table);
            _offsets = new OffsetTable(dialect, options.OffsetTable, options.Name);
        }
        return lease;
    }

    private StaleEpochException Stale() => new(
        $"Another relay has taken over the outbox '{options.Name}': it publishes the rows from now on. There is one at a time; this one stops.");
}
