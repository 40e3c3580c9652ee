using System.Data.Common;

namespace ExactlyOnce.Sql.Tests.Steps;

/// <summary>A transaction that tells when it commits.</summary>
internal sealed class StepTransaction(DbTransaction inner, StepConnection connection, ISteps steps) : DbTransaction
{
    public DbTransaction Inner => inner;

    public override System.Data.IsolationLevel IsolationLevel => inner.IsolationLevel;

    protected override DbConnection? DbConnection => inner.Connection is null ? null : connection;

    public override void Commit() => CommitAsync().GetAwaiter().GetResult();

    public override async Task CommitAsync(CancellationToken cancellationToken = default)
    {
        steps.Before("commit");
        try
        {
            await steps.CommitAsync(inner);
        }
        catch (LostConnectionException)
        {
            connection.IsAbandoned = true;
            throw;
        }
        steps.After("commit");
    }

    public override void Rollback() => inner.Rollback();

    public override async ValueTask DisposeAsync()
    {
        if (!connection.IsAbandoned)
            await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !connection.IsAbandoned)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
