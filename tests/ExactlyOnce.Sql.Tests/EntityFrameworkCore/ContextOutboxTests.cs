using ExactlyOnce.EntityFrameworkCore;
using ExactlyOnce.Sql.Tests.Databases;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.Sql.Tests.EntityFrameworkCore;

public sealed class ContextOutboxTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(60);
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);

    [Theory, OnSqlite, OnPostgres]
    public async Task What_is_added_is_published_once_in_order_if_and_when_the_changes_are_saved(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        var contexts = new EffectsContexts(kind, database.ConnectionString);
        await using (var context = contexts.CreateDbContext())
        {
            for (var number = 0; number < 100; number++)
            {
                context.Effects.Add(new Effect { Value = $"{number}" });
                context.Outbox().Add(s_orders, "customer", $"{number}");
            }
            await PublishAsync(broker, contexts);
            broker.Admin.DescribeTopic(s_orders.Name).Should().BeNull("nothing is saved yet");
            await context.SaveChangesAsync();
        }
        await using (var context = contexts.CreateDbContext())
            context.Outbox().Add(s_orders, "customer", "never saved");

        await PublishAsync(broker, contexts);
        await PublishAsync(broker, contexts);

        (await ReadAsync(broker)).Should().Equal(Enumerable.Range(0, 100).Select(number => $"{number}"));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_transaction_around_several_saves_publishes_all_of_them_or_none(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        var contexts = new EffectsContexts(kind, database.ConnectionString);
        foreach (var commits in new[] { false, true })
        {
            await using var context = contexts.CreateDbContext();
            await using var transaction = await context.Database.BeginTransactionAsync();
            context.Outbox().Add(s_orders, "customer", $"first {commits}");
            await context.SaveChangesAsync();
            context.Outbox().Add(s_orders, new ProducerRecord<string, string>("customer", $"second {commits}") { Headers = [new("tenant", "acme")] });
            await context.SaveChangesAsync();
            if (commits)
                await transaction.CommitAsync();
        }

        await PublishAsync(broker, contexts);

        (await ReadAsync(broker)).Should().Equal("first True", "second True");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_sink_can_publish_what_comes_of_a_record_in_the_transaction_that_steps_over_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Crashes.Numbers.CreateBrokerAsync(10);
        var contexts = new EffectsContexts(kind, database.ConnectionString);
        var failures = 1;
        await using var pipeline = Crashes.Numbers.CreatePipeline(broker).IntoDbContext(contexts, (batch, context, _) =>
        {
            foreach (var number in batch)
                context.Outbox().Add(s_orders, "customer", number.Value);
            return failures-- > 0 ? throw new FormatException("a bad day") : ValueTask.CompletedTask;
        });
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        await PublishAsync(broker, contexts);

        (await ReadAsync(broker)).Should().Equal(Crashes.Numbers.Below(10));
    }

    // SQLite has no schemas, and EF Core leaves out there what the model says.
    [Theory, OnSqlite, OnPostgres]
    public async Task The_tables_can_be_in_a_schema_and_have_other_names(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateEmptyAsync(kind);
        await using var broker = await Crashes.Numbers.CreateBrokerAsync(3);
        var contexts = new SchemaContexts(kind, database.ConnectionString);
        await using (var context = contexts.CreateDbContext())
            await context.Database.EnsureCreatedAsync();
        await using var pipeline = Crashes.Numbers.CreatePipeline(broker).IntoDbContext(contexts, (batch, context, _) =>
        {
            foreach (var number in batch)
                context.Outbox().Add(s_orders, "customer", number.Value);
            return ValueTask.CompletedTask;
        });
        await using var relay = broker.CreateOutboxRelay(contexts);

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
        await relay.RunUntilEmptyAsync().WaitAsync(s_soon);

        (await ReadAsync(broker)).Should().Equal(Crashes.Numbers.Below(3));
        (await database.QueryAsync<long>($"SELECT next_offset FROM {(kind == DatabaseKind.Sqlite ? "" : "messaging.")}offsets")).Should().Equal(3, 3);
    }

    [Theory]
    [InlineData("messaging.offsets", null)]
    [InlineData("offsets", "my schema")]
    public void A_name_in_the_model_that_is_none_or_has_a_schema_in_it_is_refused(string table, string? schema)
    {
        var model = new ModelBuilder();

        model.Invoking(builder => builder.UseExactlyOnce(offsetTable: table, schema: schema)).Should().Throw<ArgumentException>();
    }

    private sealed class SchemaContext(DbContextOptions<SchemaContext> options) : DbContext(options)
    {
        protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.UseExactlyOnce("offsets", "outbox", schema: "messaging");
    }

    private sealed class SchemaContexts(DatabaseKind kind, string connectionString) : IDbContextFactory<SchemaContext>
    {
        private readonly DbContextOptions<SchemaContext> _options = EffectsContexts.Configure<SchemaContext>(kind, connectionString);

        public SchemaContext CreateDbContext() => new(_options);
    }

    private static async Task PublishAsync(Broker broker, EffectsContexts contexts)
    {
        await using var relay = broker.CreateOutboxRelay(contexts);
        await relay.RunUntilEmptyAsync().WaitAsync(s_soon);
    }

    private static async Task<List<string>> ReadAsync(Broker broker)
    {
        await using var consumer = broker.CreateConsumer(s_orders).Build();
        var values = new List<string>();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    }
}
