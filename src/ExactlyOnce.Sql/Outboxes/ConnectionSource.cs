namespace ExactlyOnce.Sql.Outboxes;

/// <summary>Where a relay has its connections from: a data source, or the contexts of EF Core.</summary>
internal abstract class ConnectionSource
{
    public abstract ValueTask<ConnectionLease> OpenAsync(CancellationToken cancellationToken);
}
