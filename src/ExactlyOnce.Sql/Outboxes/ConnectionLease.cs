using System.Data.Common;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>An open connection, and what must be disposed of to give it back.</summary>
internal readonly struct ConnectionLease(DbConnection connection, IAsyncDisposable owner) : IAsyncDisposable
{
    public DbConnection Connection { get; } = connection;

    public ValueTask DisposeAsync() => owner.DisposeAsync();
}
