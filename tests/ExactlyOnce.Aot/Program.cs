using ExactlyOnce;
using ExactlyOnce.Aot;

// What an application does with the core and with a host, small enough to be published as a native program by NativeAotTests: every part that could need code
// made at run time (serdes, generics over value types, JSON, logging, pipelines) is used once. Prints one line; any exception is a failure.
var folder = args[0];

await using (var broker = await Broker.OpenAsync(folder))
{
    await using (var producer = broker.CreateProducer(Shop.Orders).Build())
    {
        for (var number = 1; number <= 10; number++)
            await producer.PostAsync($"customer-{number % 3}", new Order($"o-{number}", number));
        await producer.FlushAsync();
    }

    await using var checkout = await broker.CreateTransactionalProducerAsync("checkout");
    await using (var committed = await checkout.BeginTransactionAsync())
    {
        await committed.SendAsync(Shop.Orders, "customer-1", new Order("o-11", 11));
        await committed.SendAsync(Shop.Invoices, "customer-1", new Invoice("extra", 1));
        await committed.CommitAsync();
    }
    await using (var aborted = await checkout.BeginTransactionAsync())
        await aborted.SendAsync(Shop.Orders, "customer-1", new Order("never", 1000));
}

await using (var broker = await Broker.OpenAsync(folder))
{
    await using var billing = broker.CreatePipeline("billing")
        .Read(Shop.Orders)
        .Process(async (orders, output, ct) =>
        {
            foreach (var order in orders)
                await output.SendAsync(Shop.Invoices, order.Key, new Invoice(order.Value!.Id, order.Value.Total), ct);
        });
    await billing.RunUntilCaughtUpAsync();
}

await using (var broker = await Broker.OpenAsync(folder))
{
    var (count, total) = (0, 0m);
    await using var consumer = broker.CreateConsumer(Shop.Invoices).StartFrom(StartFrom.Earliest).Build();
    await foreach (var invoice in consumer.ReadToEndAsync())
        (count, total) = (count + 1, total + invoice.Value!.Total);
    Console.WriteLine($"{count} invoices, {total} money");
}

Console.WriteLine(await HostedShop.RunAsync());
