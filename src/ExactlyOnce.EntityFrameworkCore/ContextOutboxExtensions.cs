using ExactlyOnce.EntityFrameworkCore.Model;
using ExactlyOnce.Sql;
using ExactlyOnce.Sql.Outboxes;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.EntityFrameworkCore;

/// <summary>Publishes from a <see cref="DbContext"/>, and reads what was published into topics.</summary>
public static class ContextOutboxExtensions
{
    /// <summary>
    /// The outbox of the context: records added to it are saved with the context's other changes, and published once they are committed.
    /// <code>
    /// shop.Orders.Add(order);
    /// shop.Outbox().Add(Topics.Orders, order.CustomerId, order);
    /// await shop.SaveChangesAsync(ct);
    /// </code>
    /// </summary>
    /// <param name="context">A context whose model says <see cref="ModelBuilderExtensions.UseExactlyOnce"/>.</param>
    /// <exception cref="InvalidOperationException">The model does not have the tables.</exception>
    public static ContextOutbox Outbox(this DbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.RequireExactlyOnce();
        return new ContextOutbox(context);
    }

    /// <summary>
    /// Makes the relay that reads the outbox of the contexts into the broker's topics. One at a time works; a newer one makes the older one stop.
    /// </summary>
    /// <param name="broker">The broker.</param>
    /// <param name="contexts">Makes the contexts whose connections the relay uses.</param>
    /// <param name="configure">Changes the options; the names of the tables are the model's.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="InvalidOperationException">The model does not have the tables.</exception>
    public static OutboxRelay CreateOutboxRelay<TContext>(this Broker broker, IDbContextFactory<TContext> contexts, Action<SqlOutboxOptions>? configure = null)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(broker);
        ArgumentNullException.ThrowIfNull(contexts);
        var options = new SqlOutboxOptions();
        using (var context = contexts.CreateDbContext())
        {
            context.RequireExactlyOnce();
            options.Table = context.TableOf<OutboxEntity>();
            options.OffsetTable = context.TableOf<OffsetEntity>();
            options.Dialect = context.DialectOf();
        }
        configure?.Invoke(options);
        options.Validate();
        return new OutboxRelay(broker, new ContextConnections<TContext>(contexts), options);
    }
}
