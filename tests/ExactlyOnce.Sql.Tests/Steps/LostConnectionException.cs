using System.Data.Common;

namespace ExactlyOnce.Sql.Tests.Steps;

/// <summary>What a database does when the network, or it, is gone.</summary>
internal sealed class LostConnectionException() : DbException("The connection was lost.")
{
    public override bool IsTransient => true;
}
