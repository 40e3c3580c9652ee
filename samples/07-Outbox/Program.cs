// An order is saved, and then its event is published. Between the two the process dies: an order without an event. The other way round: an event without an order. Both happen, every week.
// Here the event is a row beside the order, in the same transaction, and a relay reads the rows into a topic, each once. Writer and relay are killed ten times; orders and events agree.
// dotnet run                                    (a file of SQLite; PostgreSQL and SQL Server work alike)
using System.Data.Common;
using System.Diagnostics;
using ExactlyOnce;
using ExactlyOnce.Sql;
using Microsoft.Data.Sqlite;

const int Orders = 600;
const int Kills = 10;
var isChild = args is ["--child", _];
var folder = isChild ? args[1] : Directory.CreateTempSubdirectory("outbox-").FullName;
var placed = Topic.Create("orders-placed", Serdes.Utf8, Serdes.Utf8);
var outbox = new SqlOutbox();
DbDataSource shop = SqliteFactory.Instance.CreateDataSource($"Data Source={Path.Combine(folder, "shop.db")}");

if (isChild)
{
    await PlaceAndPublishAsync(Console.WriteLine);
    return 0;
}

try
{
    await SqlTables.CreateAsync(shop);
    await ExecuteAsync("CREATE TABLE orders (number INTEGER NOT NULL)");
    var killed = 0;
    for (var kill = 1; kill <= Kills; kill++)
        killed += await RunAndKillAsync(steps: 1 + Random.Shared.Next(5)) ? 1 : 0;
    await PlaceAndPublishAsync(_ => { });
    return await ReportAsync(killed) ? 0 : 1;
}
finally
{
    await shop.DisposeAsync();
    SqliteConnection.ClearAllPools();
    Directory.Delete(folder, recursive: true);
}

// A shop that takes orders, and the relay beside it.
async Task PlaceAndPublishAsync(Action<string> tell)
{
    await using var broker = await Broker.OpenAsync(Path.Combine(folder, "broker"));
    await using var relay = outbox.CreateRelay(broker, shop);
    var relaying = relay.RunAsync();
    for (var number = await CountAsync(); number < Orders; number++)
    {
        await PlaceAsync(number);
        relay.Wake();
        if (number % 10 == 0)
            tell($"order {number}");
    }
    await relay.DisposeAsync();
    await relaying;
    await using var rest = outbox.CreateRelay(broker, shop);
    await rest.RunUntilEmptyAsync();
}

// The order and its event: one transaction.
async Task PlaceAsync(long number)
{
    await using var connection = await shop.OpenConnectionAsync();
    await using var transaction = await connection.BeginTransactionAsync();
    await using var insert = connection.CreateCommand();
    insert.Transaction = transaction;
    insert.CommandText = $"INSERT INTO orders (number) VALUES ({number})";
    await insert.ExecuteNonQueryAsync();
    await outbox.AddAsync(transaction, placed, $"customer-{number % 7}", $"order {number}");
    await transaction.CommitAsync();
}

async Task<bool> RunAndKillAsync(int steps)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
    if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
        start.ArgumentList.Add(typeof(Program).Assembly.Location);
    start.ArgumentList.Add("--child");
    start.ArgumentList.Add(folder);
    using var child = Process.Start(start)!;
    var last = "the beginning";
    while (steps-- > 0 && await child.StandardOutput.ReadLineAsync() is { } line)
        last = line;
    await Task.Delay(Random.Shared.Next(8));
    var isAtWork = !child.HasExited;
    child.Kill();
    await child.WaitForExitAsync();
    Console.WriteLine(isAtWork ? $"killed at {last}" : "too late: it had finished");
    return isAtWork;
}

async Task<bool> ReportAsync(int killed)
{
    await using var broker = await Broker.OpenAsync(Path.Combine(folder, "broker"));
    await using var consumer = broker.CreateConsumer(placed).Build();
    var events = new List<string>();
    await foreach (var record in consumer.ReadToEndAsync())
        events.Add(record.Value);
    var orders = await CountAsync();
    var isRight = orders == Orders && killed > 0 && events.Order().SequenceEqual(Enumerable.Range(0, Orders).Select(number => $"order {number}").Order());
    Console.WriteLine($"After {killed} kills: {orders} orders, {events.Count} events for {events.Distinct().Count()} of them: {(isRight ? "PASS" : "FAIL")}");
    return isRight;
}

async Task<long> CountAsync()
{
    await using var connection = await shop.OpenConnectionAsync();
    await using var count = connection.CreateCommand();
    count.CommandText = "SELECT count(*) FROM orders";
    return (long)(await count.ExecuteScalarAsync())!;
}

async Task ExecuteAsync(string statement)
{
    await using var connection = await shop.OpenConnectionAsync();
    await using var command = connection.CreateCommand();
    command.CommandText = statement;
    await command.ExecuteNonQueryAsync();
}
