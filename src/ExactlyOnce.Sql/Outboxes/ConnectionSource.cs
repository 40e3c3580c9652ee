using System.Data.Common;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>Where a relay has its connections from: a data source, or the contexts of EF Core.</summary>
internal abstract class ConnectionSource
{
    public abstract ValueTask<ConnectionLease> OpenAsync(CancellationToken cancellationToken);
}

/// <summary>An open connection, and what must be disposed of to give it back.</summary>
internal readonly struct ConnectionLease(DbConnection connection, IAsyncDisposable owner) : IAsyncDisposable
{
    public DbConnection Connection { get; } = connection;

    public ValueTask DisposeAsync() => owner.DisposeAsync();
}

/// <summary>Connections of a data source.</summary>
internal sealed class DataSourceConnections(DbDataSource dataSource) : ConnectionSource
{
    public override async ValueTask<ConnectionLease> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return new ConnectionLease(connection, connection);
    }
}
