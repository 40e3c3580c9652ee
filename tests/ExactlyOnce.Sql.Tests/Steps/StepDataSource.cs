using System.Data.Common;

namespace ExactlyOnce.Sql.Tests.Steps;

/// <summary>A data source whose connections tell what they do.</summary>
internal sealed class StepDataSource(DbDataSource inner, ISteps steps) : DbDataSource
{
    public override string ConnectionString => inner.ConnectionString;

    protected override DbConnection CreateDbConnection() => new StepConnection(inner.CreateConnection(), steps);
}
