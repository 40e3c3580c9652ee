using ExactlyOnce.Sql.Tests.Databases;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.Sql.Tests.Readme;

public sealed class ReadmeTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_the_outbox_publishes_ends_in_the_ledger_once()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await database.ExecuteAsync("CREATE TABLE ledger (customer TEXT NOT NULL, amount INTEGER NOT NULL)");
        await using var broker = Broker.CreateInMemory();
        using var ending = new CancellationTokenSource(s_soon);
        var running = Task.WhenAll(
            ReadmeSnippets.OutboxAsync(broker, database.Source, Topic.Create("invoices", Serdes.Utf8, Serdes.Int64), ending.Token),
            ReadmeSnippets.SinkAsync(broker, database.Source, ending.Token));

        await EventuallyAsync(async () => (await database.QueryAsync<long>("SELECT count(*) FROM ledger")).Single() > 0, ending.Token);
        await ending.CancelAsync();
        await running;

        (await database.QueryAsync<string>("SELECT customer || ' ' || amount FROM ledger")).Should().Equal("customer-7 1250");
    }

    [Fact]
    public async Task What_the_context_publishes_ends_in_the_shop_once()
    {
        await using var publishing = await TestDatabase.CreateEmptyAsync(DatabaseKind.Sqlite);
        await using var taking = await TestDatabase.CreateEmptyAsync(DatabaseKind.Sqlite);
        var (from, to) = (new ShopContexts(publishing.ConnectionString), new ShopContexts(taking.ConnectionString));
        await using var shop = from.CreateDbContext();
        await shop.Database.EnsureCreatedAsync();
        await using (var target = to.CreateDbContext())
            await target.Database.EnsureCreatedAsync();
        await using var broker = Broker.CreateInMemory();
        using var ending = new CancellationTokenSource(s_soon);
        var running = Task.WhenAll(
            ReadmeSnippets.ContextOutboxAsync(broker, from, shop, new Order("o-1", "customer-7"), ending.Token),
            ReadmeSnippets.ContextSinkAsync(broker, to, ending.Token));

        await EventuallyAsync(async () => (await taking.QueryAsync<long>("SELECT count(*) FROM \"Orders\"")).Single() > 0, ending.Token);
        await ending.CancelAsync();
        await running;

        (await taking.QueryAsync<string>("SELECT \"Id\" FROM \"Orders\"")).Should().Equal("o-1");
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        while (!await condition())
            await Task.Delay(5, cancellationToken);
    }

    private sealed class ShopContexts(string connectionString) : IDbContextFactory<ShopContext>
    {
        private readonly DbContextOptions<ShopContext> _options = new DbContextOptionsBuilder<ShopContext>().UseSqlite(connectionString).Options;

        public ShopContext CreateDbContext() => new(_options);
    }
}
