using System.Data.Common;
using System.Diagnostics;
using ExactlyOnce.EntityFrameworkCore;
using ExactlyOnce.Sql;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.Benchmarks.Sinks;

/// <summary>One contestant: rows a second, measured once.</summary>
internal sealed record SinkRow(string Name, Func<Task<double>> MeasureAsync);

/// <summary>The contestants. A row is an id, a text of 20 characters and a number; a batch, and so a transaction, is 1,000 of them.</summary>
internal static class SinkRows
{
    private const int BatchRows = 1_000;
    private const string Insert = "INSERT INTO ledger (record_offset, customer, amount) VALUES (@offset, @customer, @amount)";
    private static readonly Topic<string, long> s_topic = Topic.Create("invoices", Serdes.Utf8, Serdes.Int64);

    public static List<SinkRow> List(int count) =>
    [
        new("sink, a file in WAL mode, each commit synced (`synchronous = FULL`)", () => MeasureSinkAsync(count, "FULL")),
        new("the same rows by hand in transactions of 1,000, no broker and no offsets", () => MeasureByHandAsync(count, "FULL")),
        new("sink, not synced (`synchronous = OFF`)", () => MeasureSinkAsync(count, "OFF")),
        new("the same rows by hand, not synced", () => MeasureByHandAsync(count, "OFF")),
        new("sink over EF Core (`AddRange`, one `SaveChanges` a batch), synced", () => MeasureContextSinkAsync(count / 5)),
        new("outbox into a topic in memory: numbered, published, deleted, synced", () => MeasureOutboxAsync(count / 5)),
    ];

    private static async Task<double> MeasureSinkAsync(int count, string synchronous)
    {
        using var folder = new TemporaryFolder();
        await using var source = await CreateAsync(folder, synchronous);
        await using var broker = await FillAsync(count);
        await using var pipeline = broker.CreatePipeline("ledger").Read(s_topic).WithBatch(BatchRows).IntoDatabase(source, async (batch, transaction, _) =>
            await InsertAsync(transaction, batch.Select(record => (record.Offset, record.Key, record.Value))));
        var watch = Stopwatch.StartNew();
        await pipeline.RunUntilCaughtUpAsync();
        return await RateAsync(source, count, watch.Elapsed);
    }

    private static async Task<double> MeasureByHandAsync(int count, string synchronous)
    {
        using var folder = new TemporaryFolder();
        await using var source = await CreateAsync(folder, synchronous);
        var watch = Stopwatch.StartNew();
        foreach (var batch in Enumerable.Range(0, count).Chunk(BatchRows))
        {
            await using var connection = await source.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await InsertAsync(transaction, batch.Select(number => ((long)number, CustomerOf(number), (long)number)));
            await transaction.CommitAsync();
        }
        return await RateAsync(source, count, watch.Elapsed);
    }

    private static async Task<double> MeasureContextSinkAsync(int count)
    {
        using var folder = new TemporaryFolder();
        await using var source = await CreateAsync(folder);
        await using var broker = await FillAsync(count);
        await using var pipeline = broker.CreatePipeline("ledger").Read(s_topic).WithBatch(BatchRows).IntoDbContext(
            new LedgerContexts(source.ConnectionString), (batch, context, _) =>
            {
                context.AddRange(batch.Select(record => new LedgerRow { RecordOffset = record.Offset, Customer = record.Key, Amount = record.Value }));
                return ValueTask.CompletedTask;
            });
        var watch = Stopwatch.StartNew();
        await pipeline.RunUntilCaughtUpAsync();
        return await RateAsync(source, count, watch.Elapsed);
    }

    private static async Task<double> MeasureOutboxAsync(int count)
    {
        using var folder = new TemporaryFolder();
        await using var source = await CreateAsync(folder);
        var outbox = new SqlOutbox();
        await using (var connection = await source.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            for (var number = 0; number < count; number++)
                await outbox.AddAsync(transaction, s_topic, CustomerOf(number), number);
            await transaction.CommitAsync();
        }
        await using var broker = Broker.CreateInMemory();
        await using var relay = outbox.CreateRelay(broker, source);
        var watch = Stopwatch.StartNew();
        await relay.RunUntilEmptyAsync();
        var elapsed = watch.Elapsed;
        await using var consumer = broker.CreateConsumer(s_topic).Build();
        var published = new HashSet<long>();
        await foreach (var record in consumer.ReadToEndAsync())
            if (!published.Add(record.Value))
                throw new InvalidOperationException($"Row {record.Value} was published twice.");
        return published.Count == count ? count / elapsed.TotalSeconds : throw new InvalidOperationException($"{published.Count} of {count} rows were published.");
    }

    private static string CustomerOf(int number) => $"customer-{number % 1_000:D11}";

    private static async Task<DbDataSource> CreateAsync(TemporaryFolder folder, string synchronous = "FULL")
    {
        var source = new SqliteSource($"Data Source={Path.Combine(folder.Path, "ledger.db")};Pooling=False", synchronous);
        await SqlTables.CreateAsync(source, SqlDialect.Sqlite);
        await using var connection = await source.OpenConnectionAsync();
        Execute(connection, "PRAGMA journal_mode = WAL");
        Execute(connection, "CREATE TABLE ledger (record_offset INTEGER PRIMARY KEY, customer TEXT NOT NULL, amount INTEGER NOT NULL)");
        return source;
    }

    private static async Task<Broker> FillAsync(int count)
    {
        var broker = Broker.CreateInMemory();
        await using var producer = broker.CreateProducer(s_topic).Build();
        for (var number = 0; number < count; number++)
            await producer.PostAsync(CustomerOf(number), number);
        await producer.FlushAsync();
        return broker;
    }

    private static async Task InsertAsync(DbTransaction transaction, IEnumerable<(long Offset, string Customer, long Amount)> rows)
    {
        await using var insert = (SqliteCommand)transaction.Connection!.CreateCommand();
        insert.Transaction = (SqliteTransaction)transaction;
        insert.CommandText = Insert;
        var offset = insert.Parameters.Add("@offset", SqliteType.Integer);
        var customer = insert.Parameters.Add("@customer", SqliteType.Text);
        var amount = insert.Parameters.Add("@amount", SqliteType.Integer);
        foreach (var row in rows)
        {
            (offset.Value, customer.Value, amount.Value) = (row.Offset, row.Customer, row.Amount);
            insert.ExecuteNonQuery();
        }
    }

    private static void Execute(DbConnection connection, string statement)
    {
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }

    private static async Task<double> RateAsync(DbDataSource source, int count, TimeSpan elapsed)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM ledger";
        var rows = (long)(await command.ExecuteScalarAsync())!;
        return rows == count ? count / elapsed.TotalSeconds : throw new InvalidOperationException($"{rows} rows are in the database, {count} were written.");
    }

    /// <summary>Connections with this setting, which belongs to the connection and is not changed within a transaction.</summary>
    private sealed class SqliteSource(string connectionString, string synchronous) : DbDataSource
    {
        public override string ConnectionString => connectionString;

        protected override DbConnection CreateDbConnection()
        {
            var connection = new SqliteConnection(connectionString);
            connection.StateChange += (_, change) =>
            {
                if (change.CurrentState == System.Data.ConnectionState.Open)
                    Execute(connection, $"PRAGMA synchronous = {synchronous}");
            };
            return connection;
        }
    }

    private sealed class LedgerRow
    {
        public long RecordOffset { get; init; }

        public required string Customer { get; init; }

        public long Amount { get; init; }
    }

    private sealed class LedgerContext(DbContextOptions<LedgerContext> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.UseExactlyOnce().Entity<LedgerRow>(row =>
        {
            row.ToTable("ledger");
            row.HasKey(ledger => ledger.RecordOffset);
            row.Property(ledger => ledger.RecordOffset).HasColumnName("record_offset").ValueGeneratedNever();
            row.Property(ledger => ledger.Customer).HasColumnName("customer");
            row.Property(ledger => ledger.Amount).HasColumnName("amount");
        });
    }

    private sealed class LedgerContexts(string connectionString) : IDbContextFactory<LedgerContext>
    {
        private readonly DbContextOptions<LedgerContext> _options = new DbContextOptionsBuilder<LedgerContext>().UseSqlite(connectionString).Options;

        public LedgerContext CreateDbContext() => new(_options);
    }
}
