using System.Text.Json.Serialization;

namespace ExactlyOnce.Tests.Readme;

public sealed record Order(string Id, decimal Total);

public sealed record Invoice(string OrderId, decimal Total);

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Invoice))]
internal sealed partial class ShopJson : JsonSerializerContext;

// snippet: Topics
public static class Topics
{
    public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json(ShopJson.Default.Order));
    public static readonly Topic<string, Invoice> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Json(ShopJson.Default.Invoice));
}
// end

/// <summary>The README's snippets, compiled here and run by <see cref="ReadmeTests"/>, which also compares them with the README to the letter.</summary>
internal static class ReadmeSnippets
{
    public static async Task EventBusAsync()
    {
        // snippet: EventBus
        var greetings = Topic.Create("greetings", Serdes.Utf8);

        await using var broker = Broker.CreateInMemory();
        await using var subscription = broker.Subscribe(greetings, record => Console.WriteLine(record.Value));
        await broker.PublishAsync(greetings, "hello, world");
        // end
    }

    public static async Task GreetingsAsync()
    {
        // snippet: Greetings
        var greetings = Topic.Create("greetings", Serdes.Utf8);

        await using var broker = Broker.CreateInMemory();          // or: await Broker.OpenAsync("folder")
        await using var subscription = broker.Subscribe(greetings, record => Console.WriteLine(record.Value));
        await broker.PublishAsync(greetings, "hello, world");
        // end
    }

    public static async Task<RecordMetadata> DurableAsync(string folder)
    {
        // snippet: Durable
        await using var broker = await Broker.CreateBuilder()
            .UseDirectory(folder)
            .AddTopic(Topics.Orders, topic => { topic.Partitions = 12; topic.RetainFor = TimeSpan.FromDays(7); })
            .OpenAsync();

        await using var producer = broker.CreateProducer(Topics.Orders).Build();
        var at = await producer.SendAsync("customer-7", new Order("o-1", 12.50m));   // returns when the record would survive a power cut

        foreach (var number in Enumerable.Range(2, 100))
            await producer.PostAsync("customer-7", new Order($"o-{number}", 1m));     // waits only for buffer space
        await producer.FlushAsync();                                                  // the first failure surfaces here
        // end
        return at;
    }

    public static async Task TransactionAsync(Broker broker)
    {
        // snippet: Transaction
        await using var checkout = await broker.CreateTransactionalProducerAsync("checkout");

        await using var transaction = await checkout.BeginTransactionAsync();
        await transaction.SendAsync(Topics.Orders, "customer-7", new Order("o-1", 12.50m));
        await transaction.SendAsync(Topics.Invoices, "customer-7", new Invoice("o-1", 12.50m));
        await transaction.CommitAsync();
        // end
    }

    public static async Task PipelineAsync(Broker broker)
    {
        // snippet: Pipeline
        await using var billing = broker.CreatePipeline("billing")
            .Read(Topics.Orders)
            .Process(async (orders, output, ct) =>
            {
                foreach (var order in orders)
                    await output.SendAsync(Topics.Invoices, order.Key, new Invoice(order.Value!.Id, order.Value.Total), ct);
            });

        await billing.RunUntilCaughtUpAsync();   // RunAsync runs until it is cancelled
        // end
    }

    public static async Task ImportAsync(Broker broker, IReadOnlyList<(long Line, Order Order)> lines)
    {
        // snippet: Import
        await using var importer = broker.CreateProducer(Topics.Orders).WithIdentity("csv-import").Build();
        var done = await importer.GetLastSourceSequenceAsync() ?? -1;
        foreach (var (line, order) in lines.Where(l => l.Line > done))
            await importer.PostAsync(order.Id, order, sourceSequence: line);
        await importer.FlushAsync();
        // end
    }
}
