using System.Data.Common;
using ExactlyOnce.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.Sql.Tests.Readme;

public sealed record Order(string Id, string CustomerId);

internal static class Topics
{
    public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json<Order>());
}

// snippet: Context
public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Order> Orders => Set<Order>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.UseExactlyOnce();   // then: dotnet ef migrations add ExactlyOnce
}
// end

/// <summary>
/// The snippets of both packages' READMEs, compiled here and run by <see cref="ReadmeTests"/>, which also compares them with the READMEs to the letter.
/// </summary>
internal static class ReadmeSnippets
{
    public static async Task SinkAsync(Broker broker, DbDataSource dataSource, CancellationToken ct)
    {
        // snippet: Sink
        var invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Int64);

        await SqlTables.CreateAsync(dataSource, cancellationToken: ct);    // or the script, as a migration

        await using var ledger = broker.CreatePipeline("ledger")
            .Read(invoices)
            .IntoDatabase(dataSource, async (batch, transaction, ct) =>
            {
                await using var insert = transaction.Connection!.CreateCommand();
                insert.Transaction = transaction;
                insert.CommandText = "INSERT INTO ledger (customer, amount) VALUES (@customer, @amount)";
                var (customer, amount) = (insert.CreateParameter(), insert.CreateParameter());
                (customer.ParameterName, amount.ParameterName) = ("@customer", "@amount");
                insert.Parameters.AddRange(new[] { customer, amount });
                foreach (var invoice in batch)
                {
                    (customer.Value, amount.Value) = (invoice.Key, invoice.Value);
                    await insert.ExecuteNonQueryAsync(ct);
                }
            });
        await ledger.RunAsync(ct);
        // end
    }

    public static async Task OutboxAsync(Broker broker, DbDataSource dataSource, Topic<string, long> invoices, CancellationToken ct)
    {
        // snippet: Outbox
        var outbox = new SqlOutbox();

        await using var connection = await dataSource.OpenConnectionAsync(ct);          // where the order is taken
        await using var transaction = await connection.BeginTransactionAsync(ct);
        // … INSERT INTO orders …
        await outbox.AddAsync(transaction, invoices, "customer-7", 1250, ct);
        await transaction.CommitAsync(ct);

        await using var relay = outbox.CreateRelay(broker, dataSource);                 // once, wherever the broker is
        await relay.RunAsync(ct);
        // end
    }

    public static async Task ContextSinkAsync(Broker broker, IDbContextFactory<ShopContext> contexts, CancellationToken ct)
    {
        // snippet: ContextSink
        await using var pipeline = broker.CreatePipeline("orders-to-shop")
            .Read(Topics.Orders)
            .IntoDbContext(contexts, (batch, shop, ct) =>           // contexts: IDbContextFactory<ShopContext>
            {
                foreach (var order in batch)
                    shop.Orders.Add(order.Value);
                return ValueTask.CompletedTask;
            });
        await pipeline.RunAsync(ct);
        // end
    }

    public static async Task ContextOutboxAsync(Broker broker, IDbContextFactory<ShopContext> contexts, ShopContext shop, Order order, CancellationToken ct)
    {
        // snippet: ContextOutbox
        shop.Orders.Add(order);
        shop.Outbox().Add(Topics.Orders, order.CustomerId, order);
        await shop.SaveChangesAsync(ct);                            // both, or neither; inside a transaction of yours: when it commits

        await using var relay = broker.CreateOutboxRelay(contexts); // once, wherever the broker is
        await relay.RunAsync(ct);
        // end
    }
}
