using System.Data.Common;
using System.Reflection;
using System.Text.RegularExpressions;

namespace ExactlyOnce.Sql;

/// <summary>
/// How one database says the few things that databases say differently: quoted names, the first rows of a result, and numbering rows in one statement. Found
/// from the type of the connection; name it yourself when the provider is wrapped by another (<see cref="SqlSinkOptions.Dialect"/>,
/// <see cref="SqlOutboxOptions.Dialect"/>).
/// </summary>
public sealed class SqlDialect
{
    private const string NewRows = "sequence_number IS NULL ORDER BY id";

    private readonly string _scriptName;
    private readonly char _openQuote;
    private readonly char _closeQuote;
    private readonly bool _hasTop;

    private SqlDialect(string name, string scriptName, string quotes, bool hasTop)
    {
        Name = name;
        _scriptName = scriptName;
        _openQuote = quotes[0];
        _closeQuote = quotes[1];
        _hasTop = hasTop;
    }

    /// <summary>SQLite 3.33 or newer, as Microsoft.Data.Sqlite brings it.</summary>
    public static SqlDialect Sqlite { get; } = new("SQLite", "sqlite.sql", "\"\"", hasTop: false);

    /// <summary>PostgreSQL 12 or newer.</summary>
    public static SqlDialect PostgreSql { get; } = new("PostgreSQL", "postgresql.sql", "\"\"", hasTop: false);

    /// <summary>SQL Server 2016 or newer, and Azure SQL.</summary>
    public static SqlDialect SqlServer { get; } = new("SQL Server", "sqlserver.sql", "[]", hasTop: true);

    /// <summary>The database's name, for people.</summary>
    public string Name { get; }

    /// <summary>The dialect of a connection, from its type.</summary>
    /// <param name="connection">A connection of Microsoft.Data.Sqlite, Npgsql or Microsoft.Data.SqlClient.</param>
    /// <exception cref="NotSupportedException">The provider is another.</exception>
    public static SqlDialect Of(DbConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection.GetType().Name switch
        {
            "SqliteConnection" => Sqlite,
            "NpgsqlConnection" => PostgreSql,
            "SqlConnection" => SqlServer,
            var other => throw new NotSupportedException(
                $"The dialect of {other} is not known. If it stands for SQLite, PostgreSQL or SQL Server, say so: options.Dialect = SqlDialect.PostgreSql."),
        };
    }

    /// <summary>The statements that create the tables unless they exist. The same text is in the package's folder <c>scripts</c>.</summary>
    /// <param name="offsetTable">The table of offsets, with its schema if it is not the default one.</param>
    /// <param name="outboxTable">The outbox, with its schema if it is not the default one.</param>
    public string CreateScript(string offsetTable = SqlTables.DefaultOffsets, string outboxTable = SqlTables.DefaultOutbox)
    {
        SqlTables.CheckName(offsetTable, nameof(offsetTable));
        SqlTables.CheckName(outboxTable, nameof(outboxTable));
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(_scriptName)!;
        using var reader = new StreamReader(stream);
        var outbox = outboxTable[(outboxTable.IndexOf('.', StringComparison.Ordinal) + 1)..];
        // An index is in its table's schema. SQLite wants that said at the index and not at the table, the others the other way round.
        var (index, indexed) = this == Sqlite ? ($"{outboxTable}_sequence", outbox) : ($"{outbox}_sequence", outboxTable);
        return Regex.Replace(reader.ReadToEnd(), "(ON )?exactlyonce_[a-z_]+", name => name.Value switch
        {
            SqlTables.DefaultOffsets => Quote(offsetTable),
            SqlTables.DefaultOutbox => Quote(outboxTable),
            "ON " + SqlTables.DefaultOutbox => "ON " + Quote(indexed),
            _ => Quote(index),
        });
    }

    /// <summary>The dialect's name.</summary>
    public override string ToString() => Name;

    internal string Quote(string table) =>
        string.Join('.', table.Split('.').Select(part => $"{_openQuote}{part}{_closeQuote}"));

    /// <summary>Gives the oldest rows without a number @base, @base + 1, …</summary>
    /// <remarks>
    /// SQL Server would wait for rows that others are about to insert; READPAST leaves them for the next time. Where the database reads committed rows from
    /// their versions (READ_COMMITTED_SNAPSHOT, the default of Azure SQL) READPAST wants READCOMMITTEDLOCK beside it.
    /// </remarks>
    internal string NumberRows(string table) => _hasTop
        ? "WITH picked AS (SELECT TOP (@max) sequence_number, ROW_NUMBER() OVER (ORDER BY id) - 1 AS n "
            + $"FROM {table} WITH (READPAST, READCOMMITTEDLOCK, UPDLOCK, ROWLOCK) WHERE {NewRows}) UPDATE picked SET sequence_number = @base + n"
        : $"UPDATE {table} AS target SET sequence_number = @base + picked.n FROM "
            + $"(SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM {table} WHERE {NewRows} LIMIT @max) AS picked WHERE target.id = picked.id";

    internal string ReadRows(string table)
    {
        const string columns = "sequence_number, id, topic, record_key, record_value, headers, timestamp_ms";
        var (top, limit) = _hasTop ? ("TOP (@max) ", "") : ("", " LIMIT @max");
        return $"SELECT {top}{columns} FROM {table} WHERE sequence_number IS NOT NULL ORDER BY sequence_number{limit}";
    }

    /// <summary>Whether an error says that a table does not exist. Providers say it by SQLSTATE, by number, or only in words.</summary>
    internal static bool SaysThatTableIsMissing(DbException exception) =>
        exception.SqlState is "42P01" or "42S02"
        || exception.Message.Contains("no such table", StringComparison.Ordinal)
        || exception.Message.Contains("Invalid object name", StringComparison.Ordinal);
}
