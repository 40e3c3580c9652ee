using System.Data.Common;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>Connections of a data source.</summary>
internal sealed class DataSourceConnections(DbDataSource dataSource) : ConnectionSource
{
    public override async ValueTask<ConnectionLease> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        return new ConnectionLease(connection, connection);
    }
}
