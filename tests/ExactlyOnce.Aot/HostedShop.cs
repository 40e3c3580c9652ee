using System.Threading.Channels;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace ExactlyOnce.Aot;

/// <summary>A host with everything that ExactlyOnce.Hosting registers: settings, a handler of each kind, an event, a channel, the health check.</summary>
internal static class HostedShop
{
    public static readonly Topic<string, Order> Placed = Topic.Create("placed", Serdes.Utf8, Serdes.Json(ShopJson.Default.Order));
    public static readonly Topic<NoKey, int> Numbers = Topic.Create("numbers", Serdes.Int32);
    public static readonly Topic<NoKey, Invoice> Objects = Topic.Create("objects", Serdes.Reference<Invoice>());

    public static async Task<string> RunAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new("ConnectionStrings:ExactlyOnce", "mode=memory"), new("ExactlyOnce:Pipelines:billing:Workers", "2")]);
        builder.Services.AddExactlyOnce()
            .AddEvent(Placed, order => order.Id).WithLanes(2).HandledBy<Forwarding>()
            .AddPipeline("billing").Read(Shop.Orders).ProcessedBy<Billing>()
            .AddConsumer(Shop.Invoices, "counting").HandledBy<Counting>()
            .AddEvent(Objects)
            .AddChannel(Numbers);
        builder.Services.AddHealthChecks().AddExactlyOnce();
        using var host = builder.Build();
        await host.StartAsync();

        await host.Services.GetRequiredService<IEventBus>().PublishAsync(new Order("o-1", 7));
        var number = await host.Services.GetRequiredService<ChannelReader<int>>().ReadAsync();
        var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        await host.StopAsync();
        return $"hosted: {number}, {health.Status}";
    }

    private sealed class Forwarding : IHandle<Order>
    {
        private readonly Broker _broker;

        public Forwarding(Broker broker) => _broker = broker;

        public async ValueTask HandleAsync(Order order, CancellationToken cancellationToken) => await _broker.PublishAsync(Shop.Orders, order.Id, order, cancellationToken);
    }

    private sealed class Billing : IBatchHandler<string, Order>
    {
        public async ValueTask HandleAsync(ConsumerBatch<string, Order> batch, TransactionWriter output, CancellationToken cancellationToken)
        {
            foreach (var order in batch)
                await output.SendAsync(Shop.Invoices, order.Key, new Invoice(order.Value.Id, order.Value.Total), cancellationToken);
        }
    }

    private sealed class Counting(ChannelWriter<int> numbers, IEventBus bus) : IRecordHandler<string, Invoice>
    {
        public async ValueTask HandleAsync(ConsumerRecord<string, Invoice> record, CancellationToken cancellationToken)
        {
            await bus.PublishAsync(record.Value, cancellationToken);
            await numbers.WriteAsync((int)record.Value.Total, cancellationToken);
        }
    }
}
