using System.Text.Json.Serialization;
using ExactlyOnce;
using Microsoft.Extensions.Hosting;

namespace WorkerService;

internal sealed record Order(int Number, string Customer, decimal Total);

internal sealed record Invoice(int Order, decimal Total);

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Invoice))]
internal sealed partial class ShopJson : JsonSerializerContext;

internal static class Topics
{
    public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json(ShopJson.Default.Order));
    public static readonly Topic<string, Order> DeadOrders = Topic.Create("orders.dead-letters", Serdes.Utf8, Serdes.Json(ShopJson.Default.Order));
    public static readonly Topic<string, Invoice> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Json(ShopJson.Default.Invoice));
}

/// <summary>Places an order now and then, as a web page would.</summary>
internal sealed class OrderIntake(Producer<string, Order> orders) : BackgroundService
{
    public static TimeSpan Pause { get; set; } = TimeSpan.FromMilliseconds(200);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var number = 1; !stoppingToken.IsCancellationRequested; number++)
        {
            await orders.SendAsync($"customer-{number % 5}", new Order(number, $"customer-{number % 5}", number % 13 == 0 ? -1 : number), stoppingToken);
            await Task.Delay(Pause, stoppingToken);
        }
    }
}

/// <summary>Makes an invoice of every order; an order that cannot be right becomes a dead letter, and the others go on.</summary>
internal sealed class Billing : IBatchHandler<string, Order>
{
    public async ValueTask HandleAsync(ConsumerBatch<string, Order> batch, TransactionWriter output, CancellationToken cancellationToken)
    {
        foreach (var order in batch)
        {
            if (order.Value.Total < 0)
                throw HandlerFailedException.At(order.TopicPartition, order.Offset, new FormatException($"Order {order.Value.Number} has a negative total."));
            await output.SendAsync(Topics.Invoices, order.Key, new Invoice(order.Value.Number, order.Value.Total), cancellationToken);
        }
    }
}
