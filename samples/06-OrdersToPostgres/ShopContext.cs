using ExactlyOnce.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;

namespace OrdersToPostgres;

internal sealed record Order(string Id, string Customer, decimal Amount);

/// <summary>An order, and what its customer has spent: a sum shows every duplicate, and no unique key hides one.</summary>
internal sealed class OrderRow
{
    public long Id { get; set; }

    public required string OrderId { get; init; }
}

internal sealed class CustomerTotal
{
    public required string Customer { get; init; }

    public decimal Total { get; set; }
}

internal sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<OrderRow> Orders => Set<OrderRow>();

    public DbSet<CustomerTotal> Totals => Set<CustomerTotal>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        // The names may be left out; this program deletes its tables afterwards, and the default ones could be yours.
        modelBuilder.UseExactlyOnce(offsetTable: "sample_offsets", outboxTable: "sample_outbox");
        modelBuilder.Entity<OrderRow>().ToTable("sample_orders");
        modelBuilder.Entity<CustomerTotal>().ToTable("sample_totals").HasKey(total => total.Customer);
    }
}

/// <summary>PostgreSQL when there is a connection string, a file of SQLite otherwise.</summary>
internal sealed class ShopContexts(string? postgres, string folder) : IDbContextFactory<ShopContext>
{
    private readonly DbContextOptions<ShopContext> _options = (postgres is null
        ? new DbContextOptionsBuilder<ShopContext>().UseSqlite($"Data Source={Path.Combine(folder, "shop.db")}")
        : new DbContextOptionsBuilder<ShopContext>().UseNpgsql(postgres, npgsql => npgsql.EnableRetryOnFailure())).Options;

    public ShopContext CreateDbContext() => new(_options);
}
