using System.Data.Common;
using ExactlyOnce.Sql.Outboxes;

namespace ExactlyOnce.Sql.Tests.Outboxes;

/// <summary>
/// Connections of a relay that falls asleep in the moment in which it has read rows: it gives its connection back, and before it does anything else sleeps
/// until it is woken.
/// </summary>
internal sealed class SleepingConnections(DbDataSource dataSource) : ConnectionSource
{
    private readonly TaskCompletionSource _asleep = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _waking = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _opened;

    public Task Asleep => _asleep.Task;

    public void WakeUp() => _waking.SetResult();

    public override async ValueTask<ConnectionLease> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        // The first connection is for the claim, the second for the rows.
        return new ConnectionLease(connection, ++_opened == 2 ? new Sleep(connection, this) : connection);
    }

    private sealed class Sleep(DbConnection connection, SleepingConnections relay) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await connection.DisposeAsync();
            relay._asleep.TrySetResult();
            await relay._waking.Task;
        }
    }
}
