using System.Data.Common;

namespace ExactlyOnce.Sql.Tests.Steps;

/// <summary>
/// Tells every step on the way to a database, before it is taken; and a commit also afterwards. What is told may kill the process, or throw: then the step
/// failed.
/// </summary>
internal interface ISteps
{
    void Before(string step);

    void After(string step);

    /// <summary>Carries a commit out, or does something else with it.</summary>
    Task CommitAsync(DbTransaction transaction) => transaction.CommitAsync();
}
