using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;

namespace ExactlyOnce.Sql.Tests.Steps;

/// <summary>A connection that tells what it does.</summary>
internal sealed class StepConnection(DbConnection inner, ISteps steps) : DbConnection
{
    [AllowNull]
    public override string ConnectionString { get => inner.ConnectionString; set => inner.ConnectionString = value; }

    public override string Database => inner.Database;

    public override string DataSource => inner.DataSource;

    public override string ServerVersion => inner.ServerVersion;

    public override ConnectionState State => inner.State;

    public override void ChangeDatabase(string databaseName) => inner.ChangeDatabase(databaseName);

    public override void Open()
    {
        steps.Before("open");
        inner.Open();
    }

    public override async Task OpenAsync(CancellationToken cancellationToken)
    {
        steps.Before("open");
        await inner.OpenAsync(cancellationToken);
    }

    public override void Close() => inner.Close();

    /// <summary>The server goes on without this client: whoever commits has the connection now.</summary>
    public bool IsAbandoned { get; set; }

    public override async ValueTask DisposeAsync()
    {
        if (!IsAbandoned)
            await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !IsAbandoned)
            inner.Dispose();
        base.Dispose(disposing);
    }

    protected override DbTransaction BeginDbTransaction(System.Data.IsolationLevel isolationLevel)
    {
        steps.Before("begin");
        return new StepTransaction(inner.BeginTransaction(isolationLevel), this, steps);
    }

    protected override async ValueTask<DbTransaction> BeginDbTransactionAsync(System.Data.IsolationLevel isolationLevel, CancellationToken cancellationToken)
    {
        steps.Before("begin");
        return new StepTransaction(await inner.BeginTransactionAsync(isolationLevel, cancellationToken), this, steps);
    }

    protected override DbCommand CreateDbCommand() => new StepCommand(inner.CreateCommand(), this, steps);
}
