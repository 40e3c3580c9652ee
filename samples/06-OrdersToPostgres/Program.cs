// Orders come through a broker and end in a database. The process dies in the middle; and afterwards the database has some orders twice, or some not at all: which ones, nobody knows.
// Here the rows and the position of the reader are one transaction of the database. This program is killed five times at its work, and at the end each order is there once, and each sum right.
// dotnet run                                    (a file of SQLite)   or, with PostgreSQL:   dotnet run -- "Host=localhost;Username=me;Database=shop"
using System.Diagnostics;
using ExactlyOnce;
using ExactlyOnce.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using OrdersToPostgres;

const int Orders = 1_000;
const int Kills = 5;
var isChild = args.FirstOrDefault() == "--child";
var folder = isChild ? args[1] : Directory.CreateTempSubdirectory("orders-to-postgres-").FullName;
var postgres = args.Skip(isChild ? 2 : 0).FirstOrDefault() ?? Environment.GetEnvironmentVariable("EXACTLYONCE_POSTGRES");
var contexts = new ShopContexts(postgres, folder);
var orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json<Order>());

if (isChild)
{
    await WriteIntoDatabaseAsync(Console.WriteLine);
    return 0;
}

try
{
    await PrepareAsync();
    Console.WriteLine($"{Orders} orders into {(postgres is null ? "SQLite" : "PostgreSQL")}, by a process that is killed {Kills} times:");
    var killed = 0;
    for (var kill = 1; kill <= Kills; kill++)
        killed += await RunAndKillAsync(batches: 1 + Random.Shared.Next(3)) ? 1 : 0;
    await WriteIntoDatabaseAsync(_ => { });
    return await ReportAsync(killed) ? 0 : 1;
}
finally
{
    await using (var shop = contexts.CreateDbContext())
        await DropAsync(shop);
    Directory.Delete(folder, recursive: true);
}

// All of ExactlyOnce is here: a pipeline whose batches end in a DbContext.
async Task WriteIntoDatabaseAsync(Action<string> tell)
{
    await using var broker = await Broker.OpenAsync(Path.Combine(folder, "broker"));
    await using var pipeline = broker.CreatePipeline("orders-to-shop")
        .Read(orders)
        .WithBatch(maxRecords: 50)
        .IntoDbContext(contexts, async (batch, shop, ct) =>
        {
            foreach (var (_, order) in batch)
            {
                shop.Orders.Add(new OrderRow { OrderId = order.Id });
                var total = await shop.Totals.FindAsync([order.Customer], ct);
                if (total is null)
                    shop.Totals.Add(new CustomerTotal { Customer = order.Customer, Total = order.Amount });
                else
                    total.Total += order.Amount;
            }
            tell($"writing {batch}");
        });
    await pipeline.RunUntilCaughtUpAsync();
}

async Task PrepareAsync()
{
    await using (var shop = contexts.CreateDbContext())
    {
        await DropAsync(shop);
        if (postgres is null)
            await shop.Database.EnsureCreatedAsync();
        else
            await shop.Database.ExecuteSqlRawAsync(shop.Database.GenerateCreateScript());
    }
    await using var broker = await Broker.OpenAsync(Path.Combine(folder, "broker"));
    await broker.Admin.CreateTopicAsync(orders.Name, topic => topic.Partitions = 2);
    await using var producer = broker.CreateProducer(orders).Build();
    for (var number = 0; number < Orders; number++)
        await producer.PostAsync($"customer-{number % 7}", new Order($"order-{number}", $"customer-{number % 7}", number));
    await producer.FlushAsync();
}

// In a database that is not ours alone, only what this program has made.
async Task DropAsync(ShopContext shop)
{
    if (postgres is null)
        await shop.Database.EnsureDeletedAsync();
    else
        await shop.Database.ExecuteSqlRawAsync("DROP TABLE IF EXISTS sample_orders, sample_totals, sample_offsets, sample_outbox");
}

async Task<bool> RunAndKillAsync(int batches)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
    if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
        start.ArgumentList.Add(typeof(ShopContext).Assembly.Location);
    foreach (var argument in new[] { "--child", folder }.Concat(postgres is null ? [] : [postgres]))
        start.ArgumentList.Add(argument);
    using var child = Process.Start(start)!;
    var last = "nothing";
    while (batches-- > 0 && await child.StandardOutput.ReadLineAsync() is { } line)
        last = line;
    await Task.Delay(Random.Shared.Next(8));
    var isAtWork = !child.HasExited;
    child.Kill();
    await child.WaitForExitAsync();
    Console.WriteLine($"  killed {(isAtWork ? $"at {last}" : "too late: it had finished")}");
    return isAtWork;
}

async Task<bool> ReportAsync(int killed)
{
    await using var shop = contexts.CreateDbContext();
    var rows = await shop.Orders.Select(order => order.OrderId).ToListAsync();
    var total = (await shop.Totals.ToListAsync()).Sum(customer => customer.Total);
    var expected = Enumerable.Range(0, Orders).Sum(number => (decimal)number);
    var duplicates = rows.Count - rows.Distinct().Count();
    var isRight = rows.Count == Orders && duplicates == 0 && total == expected && killed > 0;
    Console.WriteLine($"After {killed} kills: {rows.Count} of {Orders} orders, {duplicates} twice; sum of all customers {total}, expected {expected}: {(isRight ? "PASS" : "FAIL")}");
    return isRight;
}
