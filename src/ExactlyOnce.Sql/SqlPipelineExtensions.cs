using System.Data.Common;
using ExactlyOnce.Sql.Sinks;

namespace ExactlyOnce.Sql;

/// <summary>Ends a pipeline in a database.</summary>
public static class SqlPipelineExtensions
{
    /// <summary>
    /// Writes batches into a database, each exactly once: what the handler does in the transaction and the pipeline's next offset are committed together, and
    /// everything that an earlier owner of the partition still tries is refused. The table of offsets must exist in that database:
    /// <see cref="SqlTables.CreateAsync"/>.
    /// <code>
    /// await using var ledger = broker.CreatePipeline("ledger")
    ///     .Read(Topics.Invoices)
    ///     .IntoDatabase(dataSource, async (invoices, transaction, ct) => await Ledger.InsertAsync(transaction, invoices, ct));
    /// </code>
    /// </summary>
    /// <param name="builder">The pipeline.</param>
    /// <param name="dataSource">The database: an <c>NpgsqlDataSource</c>, or <c>SqliteFactory.Instance.CreateDataSource("Data Source=shop.db")</c>.</param>
    /// <param name="write">
    /// Writes a batch, on <see cref="DbTransaction.Connection"/> and with <see cref="DbCommand.Transaction"/> set to the transaction, which it must not end.
    /// May be called again for a batch whose transaction was rolled back; what it does outside the transaction is its own affair. Must be thread-safe when
    /// there are several workers.
    /// </param>
    /// <param name="configure">Changes the options.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public static Pipeline IntoDatabase<TKey, TValue>(
        this PipelineBuilder<TKey, TValue> builder,
        DbDataSource dataSource,
        Func<ConsumerBatch<TKey, TValue>, DbTransaction, CancellationToken, ValueTask> write,
        Action<SqlSinkOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(dataSource);
        ArgumentNullException.ThrowIfNull(write);
        var options = new SqlSinkOptions();
        configure?.Invoke(options);
        options.Validate();
        return builder.IntoSink(new SqlSink<TKey, TValue>(builder.Broker, dataSource, options.Consumer ?? builder.Name, options, write));
    }
}
