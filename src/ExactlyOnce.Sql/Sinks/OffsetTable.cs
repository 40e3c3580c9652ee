using System.Data;
using System.Data.Common;

namespace ExactlyOnce.Sql.Sinks;

/// <summary>
/// The statements on one table of offsets, for one consumer. They are plain SQL, the same in every dialect. An UPDATE holds the row until its transaction ends, so that what is read
/// after it in the same transaction cannot change any more.
/// </summary>
internal sealed class OffsetTable(SqlDialect dialect, string table, string consumer)
{
    private const string Row = "consumer = @consumer AND topic = @topic AND partition_index = @partition";
    private const int ClaimAttempts = 3;

    private readonly string _table = table;
    private readonly string _raise = $"UPDATE {dialect.Quote(table)} SET epoch = epoch + 1 WHERE {Row}";
    private readonly string _insert =
        $"INSERT INTO {dialect.Quote(table)} (consumer, topic, partition_index, next_offset, epoch) VALUES (@consumer, @topic, @partition, {StoredOffset.None}, 1)";

    private readonly string _read = $"SELECT epoch, next_offset FROM {dialect.Quote(table)} WHERE {Row}";
    private readonly string _move = $"UPDATE {dialect.Quote(table)} SET next_offset = @next WHERE {Row} AND epoch = @epoch AND next_offset = @expected";

    /// <summary>Takes the row over, and creates it when there is none.</summary>
    public async ValueTask<StoredOffset> ClaimAsync(DbConnection connection, TopicPartition partition, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return (await RaiseAsync(connection, partition, epoch: null, cancellationToken).ConfigureAwait(false))!.Value;
            }
            catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
            {
                throw Missing(exception);
            }
            catch (DbException exception) when (attempt < ClaimAttempts && !exception.IsTransient)
            {
                // Two that meet at a row which does not exist yet: one of them cannot insert it, and finds it the next time.
            }
        }
    }

    /// <summary>Takes the row over if it still has this epoch; null if it has not.</summary>
    public ValueTask<StoredOffset?> ReclaimAsync(DbConnection connection, TopicPartition partition, long epoch, CancellationToken cancellationToken) =>
        RaiseAsync(connection, partition, epoch, cancellationToken);

    public async ValueTask<StoredOffset?> ReadAsync(DbConnection connection, DbTransaction? transaction, TopicPartition partition, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, transaction, _read, partition);
        try
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? new StoredOffset(reader.GetInt64(0), reader.GetInt64(1)) : null;
        }
        catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
        {
            throw Missing(exception);
        }
    }

    /// <summary>Moves the row from the offset it is known to have; false when it has another, or another epoch.</summary>
    public async ValueTask<bool> TryMoveAsync(
        DbTransaction transaction, TopicPartition partition, StoredOffset known, long nextOffset, CancellationToken cancellationToken) =>
        await Command(transaction.Connection ?? throw new InvalidOperationException("The transaction has ended."), transaction, _move, partition)
            .With("@next", nextOffset).With("@epoch", known.Epoch).With("@expected", known.NextOffset)
            .ExecuteAsync(cancellationToken).ConfigureAwait(false) == 1;

    private async ValueTask<StoredOffset?> RaiseAsync(DbConnection connection, TopicPartition partition, long? epoch, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
        var raise = Command(connection, transaction, epoch is null ? _raise : $"{_raise} AND epoch = @epoch", partition);
        if (epoch is not null)
            raise.With("@epoch", epoch.Value);
        if (await raise.ExecuteAsync(cancellationToken).ConfigureAwait(false) == 0)
        {
            if (epoch is not null)
                return null;
            await Command(connection, transaction, _insert, partition).ExecuteAsync(cancellationToken).ConfigureAwait(false);
        }
        var row = await ReadAsync(connection, transaction, partition, cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return row;
    }

    // A topic's name is ASCII; saying so lets SQL Server use the index.
    private DbCommand Command(DbConnection connection, DbTransaction? transaction, string statement, TopicPartition partition) => connection.Write(transaction, statement)
        .With("@consumer", DbType.String, consumer)
        .With("@topic", DbType.AnsiString, partition.Topic)
        .With("@partition", DbType.Int32, partition.Partition);

    private SqlMismatchException Missing(DbException cause) => new(
        $"The table {_table} does not exist. Create it with the script of the package (SqlDialect.{dialect.Name.Replace(" ", "", StringComparison.Ordinal)}.CreateScript()), with "
        + "SqlTables.CreateAsync(dataSource), or by a migration of a DbContext whose model says UseExactlyOnce().", cause);
}
