using ExactlyOnce.EntityFrameworkCore;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace ExactlyOnce.Sql.Tests.EntityFrameworkCore;

internal sealed class Effect
{
    public long Id { get; set; }

    public int PartitionIndex { get; set; }

    public long RecordOffset { get; set; }

    public required string Value { get; set; }
}

internal sealed class EffectsContext(DbContextOptions<EffectsContext> options) : DbContext(options)
{
    public DbSet<Effect> Effects => Set<Effect>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.UseExactlyOnce();
        modelBuilder.Entity<Effect>(effect =>
        {
            effect.ToTable("effects");
            effect.Property(row => row.Id).HasColumnName("id");
            effect.Property(row => row.PartitionIndex).HasColumnName("partition_index");
            effect.Property(row => row.RecordOffset).HasColumnName("record_offset");
            effect.Property(row => row.Value).HasColumnName("value");
        });
    }
}

/// <summary>Makes contexts on a database; with steps, they are told; with retries, the execution strategy tries a lost connection again.</summary>
internal sealed class EffectsContexts(DatabaseKind kind, string connectionString, ISteps? steps = null, bool retries = false) : IDbContextFactory<EffectsContext>
{
    private readonly DbContextOptions<EffectsContext> _options = Configure(kind, connectionString, steps, retries);
    private int _created;

    public int Created => _created;

    public EffectsContext CreateDbContext()
    {
        Interlocked.Increment(ref _created);
        return new EffectsContext(_options);
    }

    private static DbContextOptions<EffectsContext> Configure(DatabaseKind kind, string connectionString, ISteps? steps, bool retries)
    {
        var builder = new DbContextOptionsBuilder<EffectsContext>();
        if (kind == DatabaseKind.Sqlite)
            builder.UseSqlite(connectionString, sqlite => _ = retries ? sqlite.ExecutionStrategy(dependencies => new RetryingStrategy(dependencies)) : sqlite);
        else
            builder.UseNpgsql(connectionString, postgres => _ = retries ? postgres.ExecutionStrategy(dependencies => new RetryingStrategy(dependencies)) : postgres);
        if (steps is not null)
            builder.AddInterceptors(new StepInterceptor(steps));
        return builder.Options;
    }

    private sealed class RetryingStrategy(ExecutionStrategyDependencies dependencies) : ExecutionStrategy(dependencies, maxRetryCount: 3, maxRetryDelay: TimeSpan.FromMilliseconds(5))
    {
        protected override bool ShouldRetryOn(Exception exception) => exception is LostConnectionException;
    }
}
