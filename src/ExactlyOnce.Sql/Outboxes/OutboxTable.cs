using System.Data;
using System.Data.Common;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>The statements on one outbox.</summary>
internal sealed class OutboxTable(SqlDialect dialect, string table)
{
    private readonly string _table = table;
    private readonly string _insert =
        $"INSERT INTO {dialect.Quote(table)} (topic, record_key, record_value, headers, timestamp_ms) VALUES (@topic, @key, @value, @headers, @timestamp)";

    private readonly string _number = dialect.NumberRows(dialect.Quote(table));
    private readonly string _read = dialect.ReadRows(dialect.Quote(table));
    private readonly string _delete = $"DELETE FROM {dialect.Quote(table)} WHERE sequence_number <= @last";

    public async ValueTask InsertAsync(DbTransaction transaction, OutboxRow row, CancellationToken cancellationToken)
    {
        try
        {
            await transaction.Connection!.Write(transaction, _insert)
                .With("@topic", DbType.AnsiString, row.Topic)
                .With("@key", DbType.Binary, row.Key)
                .With("@value", DbType.Binary, row.Value)
                .With("@headers", DbType.String, row.Headers)
                .With("@timestamp", DbType.Int64, row.TimestampMs)
                .ExecuteAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
        {
            throw SqlMismatches.MissingTable(_table, dialect, exception);
        }
    }

    /// <summary>Numbers the oldest committed rows that have no number, from the given one upwards. Answers how many those are.</summary>
    public async ValueTask<int> NumberAsync(DbTransaction transaction, long firstNumber, int max, CancellationToken cancellationToken)
    {
        try
        {
            return await transaction.Connection!.Write(transaction, _number).With("@base", firstNumber).With("@max", DbType.Int32, max)
                .ExecuteAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
        {
            throw SqlMismatches.MissingTable(_table, dialect, exception);
        }
    }

    /// <summary>The rows that have a number and are not deleted, in the order of the numbers.</summary>
    public async ValueTask<List<OutboxRow>> ReadAsync(DbConnection connection, int max, CancellationToken cancellationToken)
    {
        await using var command = connection.Write(transaction: null, _read).With("@max", DbType.Int32, max);
        try
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            var rows = new List<OutboxRow>();
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                rows.Add(Read(reader));
            return rows;
        }
        catch (DbException exception) when (SqlDialect.SaysThatTableIsMissing(exception))
        {
            throw SqlMismatches.MissingTable(_table, dialect, exception);
        }
    }

    /// <summary>Deletes the rows up to a number, all of which are in the log.</summary>
    public async ValueTask DeleteAsync(DbConnection connection, long lastNumber, CancellationToken cancellationToken) =>
        await connection.Write(transaction: null, _delete).With("@last", lastNumber).ExecuteAsync(cancellationToken).ConfigureAwait(false);

    private static OutboxRow Read(DbDataReader reader) => new(
        reader.GetString(2),
        reader.IsDBNull(3) ? null : reader.GetFieldValue<byte[]>(3),
        reader.IsDBNull(4) ? null : reader.GetFieldValue<byte[]>(4),
        reader.IsDBNull(5) ? null : reader.GetString(5),
        reader.IsDBNull(6) ? null : reader.GetInt64(6))
    {
        Sequence = reader.GetInt64(0),
        Id = reader.GetInt64(1),
    };
}
