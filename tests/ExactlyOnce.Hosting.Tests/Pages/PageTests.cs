using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests.Pages;

/// <summary>What the package's pages show is code that runs.</summary>
public sealed class PageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("exactly-once-hosting-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_registration_of_the_README_bills_and_mails_and_is_healthy()
    {
        using var host = await StartAsync(builder =>
        {
            Snippets.Registration(builder, _folder);
            Snippets.Events(builder);
        });

        await host.Get<Producer<string, Order>>().SendAsync("customer-7", new Order(1, 12.50m));
        await host.Get<Notes>().WaitAsync($"{new Invoice(1, 12.50m)}");
        await host.Get<IEventBus>().PublishAsync(new OrderPlaced(1, "customer-7", 12.50m));
        await host.Get<Notes>().WaitAsync($"{new OrderPlaced(1, "customer-7", 12.50m)}");
        await host.Get<Notes>().WaitAsync("12.50 points");

        (await host.Get<HealthCheckService>().CheckHealthAsync()).Status.Should().Be(HealthStatus.Healthy);
        await host.StopAndDisposeAsync();
    }

    [Fact]
    public async Task What_replaces_MediatR_delivers()
    {
        using var host = await StartAsync(Snippets.MediatR);

        await Snippets.MediatRPublishAsync(host.Get<IEventBus>(), CancellationToken.None);

        await host.Get<Notes>().WaitAsync($"{new OrderPlaced(7, "customer-7", 12.50m)}");
        await host.StopAndDisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_worker_of_a_channel_goes_on_over_a_topic_as_it_is(bool isOverTopic)
    {
        using var host = await StartAsync(builder =>
        {
            if (isOverTopic)
                Snippets.ChannelAfter(builder, _folder);
            else
                Snippets.ChannelBefore(builder);
        });

        await host.Get<ChannelWriter<OrderPlaced>>().WriteAsync(new OrderPlaced(1, "a", 2m));

        await host.Get<Notes>().WaitAsync($"{new OrderPlaced(1, "a", 2m)}");
        await host.StopAndDisposeAsync();
    }

    [Fact]
    public async Task A_handler_in_the_place_of_a_channels_worker_delivers()
    {
        using var host = await StartAsync(builder => Snippets.ChannelHandler(builder, _folder));

        await host.Get<IEventBus>().PublishAsync(new OrderPlaced(1, "a", 2m));

        await host.Get<Notes>().WaitAsync($"{new OrderPlaced(1, "a", 2m)}");
        await host.StopAndDisposeAsync();
    }

    [Fact]
    public async Task A_host_under_faults_bills_once() => await Snippets.HostUnderFaultsAsync();

    [Fact]
    public async Task A_host_on_a_given_broker_bills_on_it()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        Snippets.Application.AddBilling(builder.Services);

        await Snippets.GivenBrokerAsync(builder, async test =>
        {
            using var host = builder.Build();
            await host.StartAsync();
            await test.Broker.PublishAsync(Topics.Orders, "customer-7", new Order(1, 12.50m));
            await test.RunUntilIdleAsync();
            await host.StopAndDisposeAsync();
            test.Committed(Topics.Invoices).Should().ContainSingle();
        });
    }

    private static async Task<IHost> StartAsync(Action<HostApplicationBuilder> configure)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton<Notes>().AddSingleton<Mailer>();
        configure(builder);
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }
}
