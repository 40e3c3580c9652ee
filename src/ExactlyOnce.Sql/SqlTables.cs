using System.Data.Common;

namespace ExactlyOnce.Sql;

/// <summary>The two tables of this package: the offsets of its sinks and relays, and the outbox.</summary>
public static class SqlTables
{
    /// <summary>The name of the table of offsets, if no other is given.</summary>
    public const string DefaultOffsets = "exactlyonce_offsets";

    /// <summary>The name of the outbox, if no other is given.</summary>
    public const string DefaultOutbox = "exactlyonce_outbox";

    // PostgreSQL cuts names after 63 characters, and the outbox's index is called after it.
    private const int NameLengthMax = 54;
    private const int CreateAttempts = 3;

    /// <summary>
    /// Creates both tables unless they exist. For tests, samples and programs that own their database; others run <see cref="SqlDialect.CreateScript"/> as a
    /// migration.
    /// </summary>
    /// <param name="dataSource">The database.</param>
    /// <param name="dialect">Its dialect; null to find it from the connection.</param>
    /// <param name="offsetTable">The table of offsets.</param>
    /// <param name="outboxTable">The outbox.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public static async Task CreateAsync(
        DbDataSource dataSource,
        SqlDialect? dialect = null,
        string offsetTable = DefaultOffsets,
        string outboxTable = DefaultOutbox,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        var script = (dialect ?? SqlDialect.Of(connection)).CreateScript(offsetTable, outboxTable);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await connection.Write(transaction: null, script).ExecuteAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (DbException) when (attempt < CreateAttempts)
            {
                // Two programs that start at the same time: "unless it exists" does not see what the other is just creating, and does the next time.
            }
        }
    }

    /// <summary>Names go into statements as text, so they may be nothing but names.</summary>
    internal static void CheckName(string table, string parameter)
    {
        ArgumentException.ThrowIfNullOrEmpty(table, parameter);
        var parts = table.Split('.');
        if (parts.Length > 2 || !parts.All(IsIdentifier))
            throw new ArgumentException(
                $"'{table}' is not a table name: up to {NameLengthMax} letters, digits and '_', not beginning with a digit, with a schema and a '.' in front "
                + "if need be.", parameter);
    }

    internal static void CheckIdentifier(string name, string parameter)
    {
        if (!IsIdentifier(name))
            throw new ArgumentException($"'{name}' is not a name: up to {NameLengthMax} letters, digits and '_', not beginning with a digit.", parameter);
    }

    private static bool IsIdentifier(string part) =>
        part.Length is > 0 and <= NameLengthMax && !char.IsAsciiDigit(part[0])
        && part.All(character => char.IsAsciiLetterOrDigit(character) || character == '_');
}
