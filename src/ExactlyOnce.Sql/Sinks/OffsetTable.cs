using System.Data;
using System.Data.Common;

namespace ExactlyOnce.Sql.Sinks;

/// <summary>
/// The statements on one table of offsets, for one consumer. They are plain SQL, the same in every dialect. An UPDATE holds the row until its transaction ends,
/// so that what is read after it in the same transaction cannot change any more.
/// </summary>
internal sealed class OffsetTable(SqlDialect dialect, string table, string consumer)
{
    private const string Row = "consumer = @consumer AND topic = @topic AND partition_index = @partition";
    private const int ClaimAttempts = 3;

    private readonly string _table = table;
    private readonly string _raise = $"UPDATE {dialect.Quote(table)} SET epoch = epoch + 1 WHERE {Row}";
    private readonly string _insert =
        $"INSERT INTO {dialect.Quote(table)} (consumer, topic, partition_index, next_offset, epoch, topic_id) "
        + $"VALUES (@consumer, @topic, @partition, {StoredOffset.None}, 1, @topicId)";

    private readonly string _read = $"SELECT epoch, next_offset, topic_id FROM {dialect.Quote(table)} WHERE {Row}";
    private readonly string _name = $"UPDATE {dialect.Quote(table)} SET topic_id = @topicId WHERE {Row}";
    private readonly string _hold = $"UPDATE {dialect.Quote(table)} SET epoch = epoch WHERE {Row} AND epoch = @epoch";
    private readonly string _move = $"UPDATE {dialect.Quote(table)} SET next_offset = @next WHERE {Row} AND epoch = @epoch AND next_offset = @expected";

    /// <summary>Takes the row over, and creates it when there is none.</summary>
    /// <exception cref="SqlMismatchException">The row is that of another topic, or the table is missing.</exception>
    public async ValueTask<StoredOffset> ClaimAsync(DbConnection connection, TopicPartition partition, string? topicId, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await RaiseAsync(connection, partition, topicId, cancellationToken).ConfigureAwait(false);
            }
            catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
            {
                throw SqlMismatches.MissingTable(_table, dialect, exception);
            }
            catch (DbException exception) when (attempt < ClaimAttempts && !exception.IsTransient)
            {
                // Two that meet at a row which does not exist yet: one of them cannot insert it, and finds it the next time.
            }
        }
    }

    /// <summary>
    /// Waits for whoever is at work on the row, and then reads it; null when it has another epoch. Changes nothing, so it can be asked as often as it takes.
    /// </summary>
    public async ValueTask<StoredOffset?> SettleAsync(DbConnection connection, TopicPartition partition, long epoch, CancellationToken cancellationToken)
    {
        await using var transaction = await BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        var held = await Command(connection, transaction, _hold, partition).With("@epoch", epoch).ExecuteAsync(cancellationToken).ConfigureAwait(false);
        return held == 0 ? null : await ReadAsync(connection, transaction, partition, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<StoredOffset?> ReadAsync(
        DbConnection connection, DbTransaction? transaction, TopicPartition partition, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, transaction, _read, partition);
        try
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                ? new StoredOffset(reader.GetInt64(0), reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetString(2))
                : null;
        }
        catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
        {
            throw SqlMismatches.MissingTable(_table, dialect, exception);
        }
    }

    /// <summary>Moves the row from the offset it is known to have; false when it has another, or another epoch.</summary>
    public async ValueTask<bool> TryMoveAsync(
        DbTransaction transaction, TopicPartition partition, StoredOffset known, long nextOffset, CancellationToken cancellationToken) =>
        await Command(transaction.Connection ?? throw new InvalidOperationException("The transaction has ended."), transaction, _move, partition)
            .With("@next", nextOffset).With("@epoch", known.Epoch).With("@expected", known.NextOffset)
            .ExecuteAsync(cancellationToken).ConfigureAwait(false) == 1;

    private async ValueTask<StoredOffset> RaiseAsync(DbConnection connection, TopicPartition partition, string? topicId, CancellationToken cancellationToken)
    {
        await using var transaction = await BeginAsync(connection, cancellationToken).ConfigureAwait(false);
        if (await Command(connection, transaction, _raise, partition).ExecuteAsync(cancellationToken).ConfigureAwait(false) == 0)
            await SetTopicAsync(_insert).ConfigureAwait(false);
        var row = (await ReadAsync(connection, transaction, partition, cancellationToken).ConfigureAwait(false))!.Value;
        if (topicId is not null && row.TopicId is not null && row.TopicId != topicId)
            throw SqlMismatches.ReplacedTopic(consumer, partition, _table);
        if (row.TopicId is null && topicId is not null)
            await SetTopicAsync(_name).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return row;

        ValueTask<int> SetTopicAsync(string statement) =>
            Command(connection, transaction, statement, partition).With("@topicId", DbType.AnsiString, topicId).ExecuteAsync(cancellationToken);
    }

    private static ValueTask<DbTransaction> BeginAsync(DbConnection connection, CancellationToken cancellationToken) =>
        connection.BeginTransactionAsync(System.Data.IsolationLevel.ReadCommitted, cancellationToken);

    // A topic's name is ASCII; saying so lets SQL Server use the index.
    private DbCommand Command(DbConnection connection, DbTransaction? transaction, string statement, TopicPartition partition) =>
        connection.Write(transaction, statement)
            .With("@consumer", DbType.String, consumer)
            .With("@topic", DbType.AnsiString, partition.Topic)
            .With("@partition", DbType.Int32, partition.Partition);
}
