using ExactlyOnce.Sql.Outboxes;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.EntityFrameworkCore;

/// <summary>Connections of contexts, opened as the provider opens them.</summary>
internal sealed class ContextConnections<TContext>(IDbContextFactory<TContext> contexts) : ConnectionSource
    where TContext : DbContext
{
    public override async ValueTask<ConnectionLease> OpenAsync(CancellationToken cancellationToken)
    {
        var context = await contexts.CreateDbContextAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await context.Database.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            return new ConnectionLease(context.Database.GetDbConnection(), context);
        }
        catch
        {
            await context.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
