using System.Threading.Channels;
using ExactlyOnce.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ExactlyOnce.Hosting.Tests.Pages;

/// <summary>The code of README.md, FROM-MEDIATR.md and FROM-CHANNELS.md, which the tests run.</summary>
internal static class Snippets
{
    public static void Registration(HostApplicationBuilder builder, string folder)
    {
        // snippet: Registration
        builder.Services.AddExactlyOnce()
            .UseConnectionString($"mode=durable;path={folder}")               // or: ConnectionStrings:ExactlyOnce in the configuration
            .AddTopic(Topics.Orders, topic => topic.Partitions = 4)
            .AddProducer(Topics.Orders)                                       // inject Producer<string, Order>
            .AddConsumer(Topics.Invoices, "mailer").HandledBy<MailInvoice>()  // an IRecordHandler<string, Invoice>
            .AddPipeline("billing").Read(Topics.Orders).ProcessedBy<Billing>();   // an IBatchHandler<string, Order>, exactly once
        builder.Services.AddHealthChecks().AddExactlyOnce();
        // end
    }

    public static void Events(HostApplicationBuilder builder)
    {
        // snippet: Events
        builder.Services.AddExactlyOnce()
            .AddEvent(Topics.OrderPlaced, order => order.Customer).WithLanes(4)   // a customer's events in order, four lanes of customers side by side
                .HandledBy<SendMail>()                                            // IHandle<OrderPlaced>; each handler has its own position, pace and retries
                .HandledBy<GrantPoints>();
        // end
    }

    public static void MediatR(HostApplicationBuilder builder)
    {
        // snippet: MediatRRegistration
        builder.Services.AddExactlyOnce()
            .UseMemory()                                                          // step 1: as fleeting as before
            // .UseConnectionString("mode=durable;path=data/shop")                // step 2: events survive the process
            .AddEvent(Topics.OrderPlaced, order => order.Customer)
                .HandledBy<SendMail>();
        // end
    }

    public static async Task MediatRPublishAsync(IEventBus bus, CancellationToken cancellationToken)
    {
        // snippet: MediatRPublish
        await bus.PublishAsync(new OrderPlaced(7, "customer-7", 12.50m), cancellationToken);
        // end
    }

    public static async Task GivenBrokerAsync(HostApplicationBuilder builder, Func<TestBroker, Task> run)
    {
        // snippet: GivenBroker
        await using var test = TestBroker.Create();                    // of ExactlyOnce.Testing: in memory, virtual time, faults
        builder.Services.AddExactlyOnce().UseBroker(test.Broker);
        // end
        await run(test);
    }

    public static async Task HostUnderFaultsAsync()
    {
        // snippet: HostUnderFaults
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.BeforeCommit).By("billing").CrashOnce();

        test.Run(async (broker, cancellationToken) =>                     // dies with the crash, and is run again
        {
            var builder = Host.CreateApplicationBuilder();
            Application.AddBilling(builder.Services);                     // as in production
            builder.Services.AddExactlyOnce().UseBroker(broker);          // wins over the broker that is registered there
            using var host = builder.Build();
            await host.RunAsync(cancellationToken);
        });
        await test.Broker.PublishAsync(Topics.Orders, "customer-7", new Order(1, 12.50m));
        await test.RunUntilIdleAsync();

        Assert.Single(test.Committed(Topics.Invoices));
        // end
        test.Crashes.Should().Be(1);
        test.VerifyInvariants();
    }

    /// <summary>The registrations of the application under test.</summary>
    internal static class Application
    {
        public static void AddBilling(IServiceCollection services) => services.AddExactlyOnce()
            .UseConnectionString("mode=durable;path=data/shop")
            .AddTopic(Topics.Orders, topic => topic.Partitions = 4)
            .AddPipeline("billing").Read(Topics.Orders).ProcessedBy<Billing>();
    }

    public static void ChannelBefore(HostApplicationBuilder builder)
    {
        // snippet: ChannelBefore
        var channel = Channel.CreateBounded<OrderPlaced>(1000);
        builder.Services.AddSingleton(channel.Writer);
        builder.Services.AddSingleton(channel.Reader);
        builder.Services.AddHostedService<Worker>();
        // end
    }

    public static void ChannelAfter(HostApplicationBuilder builder, string folder)
    {
        // snippet: ChannelAfter
        builder.Services.AddExactlyOnce()
            .UseConnectionString($"mode=durable;path={folder}")
            .AddChannel(Topics.OrderPlacedChannel);        // injects ChannelWriter<OrderPlaced> and ChannelReader<OrderPlaced>
        builder.Services.AddHostedService<Worker>();       // as it was
        // end
    }

    public static void ChannelHandler(HostApplicationBuilder builder, string folder)
    {
        // snippet: ChannelHandler
        builder.Services.AddExactlyOnce()
            .UseConnectionString($"mode=durable;path={folder}")
            .AddEvent(Topics.OrderPlaced, order => order.Customer)
                .HandledBy<SendMail>();                    // IHandle<OrderPlaced>; retries, dead letters, health and traces come with it
        // end
    }
}

// snippet: Handlers
internal sealed class Billing : IBatchHandler<string, Order>
{
    public async ValueTask HandleAsync(ConsumerBatch<string, Order> batch, TransactionWriter output, CancellationToken cancellationToken)
    {
        foreach (var order in batch)
            await output.SendAsync(Topics.Invoices, order.Key, new Invoice(order.Value.Number, order.Value.Total), cancellationToken);
    }
}

internal sealed class MailInvoice(Mailer mailer) : IRecordHandler<string, Invoice>
{
    public ValueTask HandleAsync(ConsumerRecord<string, Invoice> invoice, CancellationToken cancellationToken) => mailer.SendAsync(invoice.Value, cancellationToken);
}
// end

// snippet: MediatREvent
public sealed record OrderPlaced(int Number, string Customer, decimal Total);

public sealed class SendMail(Mailer mailer) : IHandle<OrderPlaced>
{
    public ValueTask HandleAsync(OrderPlaced order, CancellationToken cancellationToken) => mailer.SendAsync(order, cancellationToken);
}
// end

// snippet: ChannelWorker
public sealed class Worker(ChannelReader<OrderPlaced> orders, Mailer mailer) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var order in orders.ReadAllAsync(stoppingToken))
            await mailer.SendAsync(order, stoppingToken);
    }
}
// end
