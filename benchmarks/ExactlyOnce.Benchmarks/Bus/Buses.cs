using System.Threading.Channels;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Wolverine;

namespace ExactlyOnce.Benchmarks.Bus;

/// <summary>Somebody who takes orders and hands them to one handler in the same process.</summary>
internal interface IOrderBus : IAsyncDisposable
{
    OrderCounter Counter { get; }

    ValueTask PublishAsync(OrderPlaced order);

    /// <summary>Nothing more comes: what waits for company goes now.</summary>
    ValueTask FlushAsync() => default;
}

/// <summary>Ourselves: a topic in memory, a producer, and a pipeline whose position and handled batches become true together.</summary>
internal sealed class TopicBus : IOrderBus
{
    private const int BatchRecords = 1_000;

    private readonly Broker _broker = Broker.CreateInMemory();
    private readonly Producer<NoKey, OrderPlaced> _producer;
    private readonly Pipeline _pipeline;
    private readonly Task _running;

    private TopicBus(ISerde<OrderPlaced> serde, long retainedBytes)
    {
        var topic = Topic.Create("orders", serde);
        _broker.Admin.CreateTopicAsync(topic.Name, options => options.RetainBytes = retainedBytes).Wait();
        _producer = _broker.CreateProducer(topic).WithLinger(TimeSpan.FromMilliseconds(1)).WithBatchSize(64 * 1024).Build();
        _pipeline = _broker.CreatePipeline("handler").Read(topic).WithBatch(BatchRecords).Process((batch, _, _) =>
        {
            foreach (var order in batch.Values)
                Counter.Handle(order);
            return default;
        });
        _running = _pipeline.RunAsync(CancellationToken.None);
    }

    public OrderCounter Counter { get; } = new();

    // Both keep several times what publishers may be ahead, and not much more: what is kept is alive, and objects that are alive cost the garbage collector's
    // time.
    public static TopicBus OfJson() => new(Serdes.Json(BusJson.Default.OrderPlaced), retainedBytes: 8 << 20);

    public static TopicBus OfReferences() => new(Serdes.Reference<OrderPlaced>(), retainedBytes: 2 << 20);

    public ValueTask PublishAsync(OrderPlaced order) => _producer.PostAsync(default, order);

    public ValueTask FlushAsync() => _producer.FlushAsync();

    public async ValueTask DisposeAsync()
    {
        await _pipeline.StopAsync();
        await _running;
        await _pipeline.DisposeAsync();
        await _producer.DisposeAsync();
        await _broker.DisposeAsync();
    }
}

/// <summary>A channel of objects and a loop: the least that can be done.</summary>
internal sealed class ChannelBus : IOrderBus
{
    private readonly Channel<OrderPlaced> _channel = Channel.CreateUnbounded<OrderPlaced>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly Task _reading;

    public ChannelBus() => _reading = Task.Run(ReadAsync);

    public OrderCounter Counter { get; } = new();

    public ValueTask PublishAsync(OrderPlaced order) => _channel.Writer.WriteAsync(order);

    public async ValueTask DisposeAsync()
    {
        _channel.Writer.Complete();
        await _reading;
    }

    private async Task ReadAsync()
    {
        while (await _channel.Reader.WaitToReadAsync())
            while (_channel.Reader.TryRead(out var order))
                Counter.Handle(order);
    }
}

/// <summary>MassTransit 8 over its in-memory transport, as its documentation shows it.</summary>
internal sealed class MassTransitBus : IOrderBus
{
    private readonly IHost _host;
    private readonly IBus _bus;

    private MassTransitBus(IHost host)
    {
        _host = host;
        _bus = host.Services.GetRequiredService<IBus>();
        Counter = host.Services.GetRequiredService<OrderCounter>();
    }

    public OrderCounter Counter { get; }

    public static async Task<IOrderBus> StartAsync()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<OrderCounter>();
        builder.Services.AddMassTransit(bus =>
        {
            bus.AddConsumer<OrderConsumer>();
            bus.UsingInMemory((context, configuration) => configuration.ConfigureEndpoints(context));
        });
        var host = builder.Build();
        await host.StartAsync();
        return new MassTransitBus(host);
    }

    public ValueTask PublishAsync(OrderPlaced order) => new(_bus.Publish(order));

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}

/// <summary>The handler, as MassTransit wants it.</summary>
public sealed class OrderConsumer(OrderCounter counter) : IConsumer<OrderPlaced>
{
    /// <inheritdoc/>
    public Task Consume(ConsumeContext<OrderPlaced> context)
    {
        counter.Handle(context.Message);
        return Task.CompletedTask;
    }
}

/// <summary>Wolverine's local queue, one message after the other, in memory.</summary>
internal sealed class WolverineBus : IOrderBus
{
    private readonly IHost _host;
    private readonly IMessageBus _bus;

    private WolverineBus(IHost host)
    {
        _host = host;
        _bus = host.MessageBus();
        Counter = host.Services.GetRequiredService<OrderCounter>();
    }

    public OrderCounter Counter { get; }

    public static async Task<IOrderBus> StartAsync()
    {
        var host = Host.CreateDefaultBuilder()
            .ConfigureLogging(logging => logging.ClearProviders())
            .ConfigureServices(services => services.AddSingleton<OrderCounter>())
            .UseWolverine(options =>
            {
                options.Discovery.DisableConventionalDiscovery().IncludeType<OrderPlacedHandler>();
                options.LocalQueueFor<OrderPlaced>().Sequential();
            })
            .Build();
        await host.StartAsync();
        return new WolverineBus(host);
    }

    public ValueTask PublishAsync(OrderPlaced order) => _bus.PublishAsync(order);

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }
}

/// <summary>The handler, as Wolverine finds it.</summary>
public sealed class OrderPlacedHandler
{
    /// <summary>Handles an order.</summary>
    public static void Handle(OrderPlaced order, OrderCounter counter) => counter.Handle(order);
}
