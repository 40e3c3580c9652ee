using System.Data.Common;

namespace ExactlyOnce.Sql;

/// <summary>The two tables of this package: the offsets of its sinks and relays, and the outbox.</summary>
public static class SqlTables
{
    /// <summary>The name of the table of offsets, if no other is given.</summary>
    public const string DefaultOffsets = "exactlyonce_offsets";

    /// <summary>The name of the outbox, if no other is given.</summary>
    public const string DefaultOutbox = "exactlyonce_outbox";

    /// <summary>Creates both tables unless they exist. For tests, samples and programs that own their database; others run <see cref="SqlDialect.CreateScript"/> as a migration.</summary>
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
        await using var command = connection.Write(transaction: null, script);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Names go into statements as text, so they may be nothing but names.</summary>
    internal static void CheckName(string table, string parameter)
    {
        ArgumentException.ThrowIfNullOrEmpty(table, parameter);
        var parts = table.Split('.');
        if (parts.Length > 2 || !parts.All(IsIdentifier))
            throw new ArgumentException($"'{table}' is not a table name: letters, digits and '_', not beginning with a digit, with a schema and a '.' in front if need be.", parameter);
    }

    private static bool IsIdentifier(string part) =>
        part.Length is > 0 and <= 100 && !char.IsAsciiDigit(part[0]) && part.All(character => char.IsAsciiLetterOrDigit(character) || character == '_');
}
