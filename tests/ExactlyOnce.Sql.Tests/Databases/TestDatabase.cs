using System.Data.Common;
using System.Reflection;
using Microsoft.Data.Sqlite;
using Npgsql;
using Xunit.Sdk;

namespace ExactlyOnce.Sql.Tests.Databases;

public enum DatabaseKind
{
    Sqlite,
    PostgreSql,
}

/// <summary>Runs a theory on SQLite.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OnSqliteAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[DatabaseKind.Sqlite]];
}

/// <summary>Runs a theory on PostgreSQL, and says what to install where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OnPostgresAttribute : DataAttribute
{
    public OnPostgresAttribute() => Skip = PostgresServer.Missing;

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[DatabaseKind.PostgreSql]];
}

/// <summary>
/// An empty database of one test, with the tables of the package and one for effects that forbids nothing: what is written twice stands there twice.
/// </summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly string? _file;

    private TestDatabase(DatabaseKind kind, string connectionString, string? file)
    {
        Kind = kind;
        ConnectionString = connectionString;
        _file = file;
        Source = Open(kind, connectionString);
    }

    public DatabaseKind Kind { get; }

    public string ConnectionString { get; }

    public DbDataSource Source { get; }

    public SqlDialect Dialect => DialectOf(Kind);

    public static SqlDialect DialectOf(DatabaseKind kind) => kind == DatabaseKind.Sqlite ? SqlDialect.Sqlite : SqlDialect.PostgreSql;

    public static DbDataSource Open(DatabaseKind kind, string connectionString) =>
        kind == DatabaseKind.Sqlite ? SqliteFactory.Instance.CreateDataSource(connectionString) : NpgsqlDataSource.Create(connectionString);

    public static async Task<TestDatabase> CreateEmptyAsync(DatabaseKind kind)
    {
        if (kind == DatabaseKind.PostgreSql)
            return new TestDatabase(kind, PostgresServer.CreateDatabase(), file: null);
        var file = Path.Combine(Path.GetTempPath(), $"exactlyonce-{Guid.NewGuid():N}.db");
        var database = new TestDatabase(kind, $"Data Source={file}", file);
        await database.ExecuteAsync("PRAGMA journal_mode = WAL");
        return database;
    }

    public static async Task<TestDatabase> CreateAsync(DatabaseKind kind)
    {
        var database = await CreateEmptyAsync(kind);
        await SqlTables.CreateAsync(database.Source);
        var id = kind == DatabaseKind.Sqlite ? "INTEGER PRIMARY KEY AUTOINCREMENT" : "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
        await database.ExecuteAsync($"CREATE TABLE effects (id {id}, partition_index integer NOT NULL, record_offset bigint NOT NULL, value text NOT NULL)");
        return database;
    }

    public async Task<int> ExecuteAsync(string statement)
    {
        await using var connection = await Source.OpenConnectionAsync();
        return await connection.Write(transaction: null, statement).ExecuteAsync(CancellationToken.None);
    }

    public async Task<List<T>> QueryAsync<T>(string query)
    {
        await using var connection = await Source.OpenConnectionAsync();
        await using var command = connection.Write(transaction: null, query);
        await using var reader = await command.ExecuteReaderAsync();
        var values = new List<T>();
        while (await reader.ReadAsync())
            values.Add(reader.GetFieldValue<T>(0));
        return values;
    }

    public Task<List<string>> EffectsAsync() => QueryAsync<string>("SELECT value FROM effects ORDER BY partition_index, record_offset");

    /// <summary>The next offset that is stored for partition 0, −1 when there is none; and the epoch.</summary>
    public async Task<(long NextOffset, long Epoch)> OffsetAsync(string consumer)
    {
        var next = await QueryAsync<long>($"SELECT next_offset FROM exactlyonce_offsets WHERE consumer = '{consumer}'");
        var epoch = await QueryAsync<long>($"SELECT epoch FROM exactlyonce_offsets WHERE consumer = '{consumer}'");
        return next.Count == 0 ? (-1, 0) : (next[0], epoch[0]);
    }

    public async Task ClearAsync()
    {
        foreach (var table in new[] { "exactlyonce_offsets", "exactlyonce_outbox", "effects" })
            await ExecuteAsync($"DELETE FROM {table}");
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        if (_file is null)
            return;
        using (var connection = new SqliteConnection(ConnectionString))
            SqliteConnection.ClearPool(connection);
        foreach (var file in new[] { _file, _file + "-wal", _file + "-shm" })
            File.Delete(file);
    }
}
