using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;

namespace ExactlyOnce.Sql.Tests.EntityFrameworkCore;

/// <summary>Makes contexts on a database; with steps, they are told; with a retry delay, the execution strategy tries a lost connection again.</summary>
internal sealed class EffectsContexts(DatabaseKind kind, string connectionString, ISteps? steps = null, TimeSpan? retryDelay = null)
    : IDbContextFactory<EffectsContext>
{
    private readonly DbContextOptions<EffectsContext> _options = Configure<EffectsContext>(kind, connectionString, steps, retryDelay);

    public EffectsContext CreateDbContext() => new(_options);

    public static DbContextOptions<TContext> Configure<TContext>(DatabaseKind kind, string connectionString, ISteps? steps = null, TimeSpan? retryDelay = null)
        where TContext : DbContext
    {
        var builder = new DbContextOptionsBuilder<TContext>();
        if (kind == DatabaseKind.Sqlite)
            builder.UseSqlite(connectionString, Retry);
        else
            builder.UseNpgsql(connectionString, Retry);
        if (steps is not null)
            builder.AddInterceptors(new StepInterceptor(steps));
        return builder.Options;

        void Retry<TBuilder, TExtension>(RelationalDbContextOptionsBuilder<TBuilder, TExtension> provider)
            where TBuilder : RelationalDbContextOptionsBuilder<TBuilder, TExtension>
            where TExtension : RelationalOptionsExtension, new()
        {
            if (retryDelay is { } delay)
                provider.ExecutionStrategy(dependencies => new RetryingStrategy(dependencies, delay));
        }
    }

    private sealed class RetryingStrategy(ExecutionStrategyDependencies dependencies, TimeSpan delay)
        : ExecutionStrategy(dependencies, maxRetryCount: 3, maxRetryDelay: TimeSpan.FromDays(1))
    {
        protected override bool ShouldRetryOn(Exception exception) => exception is LostConnectionException;

        protected override TimeSpan? GetNextDelay(Exception lastException) => base.GetNextDelay(lastException) is null ? null : delay;
    }
}
