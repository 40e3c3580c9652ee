using System.Data.Common;
using ExactlyOnce.Sql.Outboxes;

namespace ExactlyOnce.Sql;

/// <summary>
/// Publishes from inside a database transaction: the record is a row, committed or rolled back with everything else, and a relay reads the rows into their
/// topics exactly once. Thread-safe; meant to live long and to be shared. The tables must exist in the database: <see cref="SqlTables.CreateAsync"/>.
/// <code>
/// var outbox = new SqlOutbox();
/// await outbox.AddAsync(transaction, Topics.Orders, order.CustomerId, order, ct);   // where the order is inserted
///
/// await using var relay = outbox.CreateRelay(broker, dataSource);                   // once, somewhere
/// await relay.RunAsync(ct);
/// </code>
/// </summary>
public sealed class SqlOutbox
{
    private readonly SqlOutboxOptions _options = new();
    private OutboxTable? _table;

    /// <summary>Creates the outbox with default options, or with others.</summary>
    /// <param name="configure">Changes the options.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public SqlOutbox(Action<SqlOutboxOptions>? configure = null)
    {
        configure?.Invoke(_options);
        _options.Validate();
    }

    /// <summary>The outbox's name.</summary>
    public string Name => _options.Name;

    /// <summary>Publishes a record if, and when, the transaction commits.</summary>
    /// <param name="transaction">The transaction, of any isolation.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="SqlMismatchException">The table does not exist.</exception>
    public ValueTask AddAsync<TKey, TValue>(
        DbTransaction transaction, Topic<TKey, TValue> topic, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        AddAsync(transaction, topic, new ProducerRecord<TKey, TValue>(key, value), cancellationToken);

    /// <summary>Publishes a record without a key if, and when, the transaction commits.</summary>
    /// <param name="transaction">The transaction, of any isolation.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="value">The value.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="SqlMismatchException">The table does not exist.</exception>
    public ValueTask AddAsync<TValue>(DbTransaction transaction, Topic<NoKey, TValue> topic, TValue value, CancellationToken cancellationToken = default) =>
        AddAsync(transaction, topic, new ProducerRecord<NoKey, TValue>(default, value), cancellationToken);

    /// <summary>Publishes a record with headers or a timestamp of its own if, and when, the transaction commits.</summary>
    /// <param name="transaction">The transaction, of any isolation.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="record">The record; its partition, message id and source sequence must be left out.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="SqlMismatchException">The table does not exist.</exception>
    public ValueTask AddAsync<TKey, TValue>(
        DbTransaction transaction, Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        var row = OutboxRow.Of(topic, record);
        var connection = transaction.Connection ?? throw new InvalidOperationException("The transaction has ended.");
        _table ??= new OutboxTable(_options.Dialect ?? SqlDialect.Of(connection), _options.Table);
        return _table.InsertAsync(transaction, row, cancellationToken);
    }

    /// <summary>Makes the relay that reads the outbox into a broker's topics. Create it wherever the broker is; one at a time works.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="dataSource">The database.</param>
    public OutboxRelay CreateRelay(Broker broker, DbDataSource dataSource)
    {
        ArgumentNullException.ThrowIfNull(broker);
        ArgumentNullException.ThrowIfNull(dataSource);
        return new OutboxRelay(broker, new DataSourceConnections(dataSource), _options);
    }
}
