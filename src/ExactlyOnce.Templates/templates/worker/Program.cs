using BillingWorker;
using ExactlyOnce;

// Everything lives in this folder. A crash anywhere repeats nothing and loses nothing: run it again.
await using var broker = await Broker.CreateBuilder()
    .UseDirectory("data")
    .AddTopic(Topics.Orders, topic => topic.Partitions = 4)
    .AddTopic(Topics.Invoices, topic => topic.Partitions = 4)
    .OpenAsync();

await using (var shop = broker.CreateProducer(Topics.Orders).WithIdentity("shop").Build())
{
    // The shop's own order numbers, remembered across restarts: importing twice doubles nothing.
    var done = await shop.GetLastSourceSequenceAsync() ?? 0;
    for (var number = done + 1; number <= 10; number++)
        await shop.SendAsync($"customer-{number % 3}", new Order($"o-{number}", number * 10m), sourceSequence: number);
}

await using var billing = Billing.CreatePipeline(broker);
await billing.RunUntilCaughtUpAsync(); // RunAsync(cancellationToken) runs until it is cancelled

await using var reader = broker.CreateConsumer(Topics.Invoices).StartFrom(StartFrom.Earliest).Build();
var count = 0;
await foreach (var invoice in reader.ReadToEndAsync())
    Console.WriteLine($"{++count}: {invoice.Key} owes {invoice.Value}");
