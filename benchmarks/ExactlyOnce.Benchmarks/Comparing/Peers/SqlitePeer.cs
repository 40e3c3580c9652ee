using Microsoft.Data.Sqlite;

namespace ExactlyOnce.Benchmarks.Comparing.Peers;

/// <summary>
/// SQLite, write-ahead log, <c>synchronous=FULL</c>, one transaction a message: a connection and a prepared insert for each committer. SQLite lets one write
/// at a time; many committers
/// queue up at a lock of this process, which serves them sooner than the sleeps of its busy handler.
/// </summary>
internal sealed class SqlitePeer : IDisposable
{
    public const string Name = "SQLite";

    private const string Lacks = "no consumers, no dedupe; one writer at a time";

    private readonly TemporaryFolder _folder = new();
    private readonly List<SqliteConnection> _connections = [];
    private readonly List<SqliteCommand> _inserts = [];
    private readonly Lock _turn = new();

    public SqlitePeer(int committers)
    {
        for (var i = 0; i < committers; i++)
        {
            var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, "messages.db")};Pooling=False");
            _connections.Add(connection);
            connection.Open();
            Execute(connection, "PRAGMA busy_timeout=60000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
            if (i == 0)
                Execute(connection, "CREATE TABLE messages (id INTEGER PRIMARY KEY, value BLOB NOT NULL)");
            var insert = connection.CreateCommand();
            insert.CommandText = "INSERT INTO messages (value) VALUES ($value)";
            insert.Parameters.AddWithValue("$value", Payload.Value.ToArray());
            insert.Prepare();
            _inserts.Add(insert);
        }
    }

    public Contestant Committing(TimeSpan duration) => new(Name, share => Task.FromResult(Measure(duration * share)), Lacks);

    private Figure[] Measure(TimeSpan duration)
    {
        var before = CountRows();
        var run = Committers.RunThreads(_inserts.Count, duration, Commit);
        Verify.Equal(run.Count, CountRows() - before, "rows are in SQLite");
        return run.Figures(Quantity.Commits);
    }

    private void Commit(int committer)
    {
        lock (_turn)
            _inserts[committer].ExecuteNonQuery();
    }

    private long CountRows()
    {
        using var count = _connections[0].CreateCommand();
        count.CommandText = "SELECT COUNT(*) FROM messages";
        return (long)count.ExecuteScalar()!;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public void Dispose()
    {
        _inserts.ForEach(insert => insert.Dispose());
        _connections.ForEach(connection => connection.Dispose());
        _folder.Dispose();
    }
}
