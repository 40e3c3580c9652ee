using ExactlyOnce.EntityFrameworkCore.Model;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.EntityFrameworkCore;

/// <summary>Ends a pipeline in the database of a <see cref="DbContext"/>.</summary>
public static class ContextPipelineExtensions
{
    /// <summary>
    /// Writes batches through a context, each exactly once: what the handler does to the context and the pipeline's next offset are saved in one transaction,
    /// inside the execution strategy of the provider. The model must say <see cref="ModelBuilderExtensions.UseExactlyOnce"/>.
    /// <code>
    /// await using var orders = broker.CreatePipeline("orders-to-shop")
    ///     .Read(Topics.Orders)
    ///     .IntoDbContext(contexts, (batch, shop, ct) =>
    ///     {
    ///         shop.Orders.AddRange(batch.Select(order => order.Value));
    ///         return ValueTask.CompletedTask;
    ///     });
    /// </code>
    /// </summary>
    /// <param name="builder">The pipeline.</param>
    /// <param name="contexts">Makes a context for each attempt at each batch.</param>
    /// <param name="write">
    /// Changes the context, or its database within the context's current transaction, which it must not end; the changes are saved when it returns. May be
    /// called again, with a new context, for a batch whose transaction was rolled back. Must be thread-safe when there are several workers.
    /// </param>
    /// <param name="consumer">The name under which offsets are kept; null for the pipeline's.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="InvalidOperationException">The model does not have the tables.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public static Pipeline IntoDbContext<TKey, TValue, TContext>(
        this PipelineBuilder<TKey, TValue> builder,
        IDbContextFactory<TContext> contexts,
        Func<ConsumerBatch<TKey, TValue>, TContext, CancellationToken, ValueTask> write,
        string? consumer = null)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(contexts);
        ArgumentNullException.ThrowIfNull(write);
        if (consumer is not null)
            Sql.SqlSinkOptions.CheckConsumer(consumer, nameof(consumer));
        string table;
        using (var context = contexts.CreateDbContext())
        {
            context.RequireExactlyOnce();
            table = context.TableOf<OffsetEntity>();
        }
        return builder.IntoSink(new ContextSink<TKey, TValue, TContext>(builder.Broker, contexts, consumer ?? builder.Name, table, write));
    }
}
