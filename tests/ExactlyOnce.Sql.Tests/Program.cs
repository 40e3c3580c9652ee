using ExactlyOnce.Sql.Tests.Crashes;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;

// The process that CrashTests starts and kills: scenario, database, connection string, broker's folder, the step at which it ends.
if (args is not [var scenario, var kind, var connectionString, var folder, var step])
{
    Console.Error.WriteLine("These are tests; run them with dotnet test.");
    return 2;
}
await Scenario.RunAsync(scenario, Enum.Parse<DatabaseKind>(kind), connectionString, folder, new KillAt(int.Parse(step)));
return 0;
