using ExactlyOnce.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>A host over a broker that somebody else has opened: a test, above all.</summary>
public sealed class GivenBrokerTests
{
    private static readonly Topic<NoKey, Billed> s_billed = Topic.Create("billed", Serdes.Create<Billed>(
        (billed, destination) => Serdes.Utf8.Serialize(billed.Order, destination), bytes => new Billed(Serdes.Utf8.Deserialize(bytes))));

    [Fact]
    public async Task A_host_whose_process_dies_in_front_of_a_commit_and_starts_again_bills_every_order_once()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.BeforeCommit).By("billing").CrashOnce();
        await test.Broker.PublishAsync(Orders, "customer-7", "1");

        test.Run(async (broker, cancellationToken) =>
        {
            using var host = Host(b => b.UseBroker(broker).AddPipeline("billing").Read(Orders).ProcessedBy<Billing>());
            await host.RunAsync(cancellationToken);
        });
        await test.RunUntilIdleAsync();

        test.Committed(Invoices).Should().ContainSingle().Which.Value.Should().Be("invoice 1");
        test.Crashes.Should().Be(1);
        test.VerifyInvariants();
    }

    [Fact]
    public async Task A_host_that_the_test_starts_itself_runs_on_its_broker_and_one_after_a_crash_goes_on()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.AfterCommit).By("billing").CrashOnce();
        await test.Broker.PublishAsync(Orders, "customer-7", "1");

        for (var life = 1; life <= 2; life++)
        {
            using var host = await StartAsync(b => b.UseBroker(test.Broker).AddPipeline("billing").Read(Orders).ProcessedBy<Billing>());
            await test.RunUntilIdleAsync();
            await test.Broker.PublishAsync(Orders, "customer-7", "2");
            await test.RunUntilIdleAsync();
            await host.StopAndDisposeAsync();
        }

        test.Committed(Invoices).Select(invoice => invoice.Value).Should().Equal("invoice 1", "invoice 2", "invoice 2");
        test.VerifyInvariants();
    }

    [Fact]
    public async Task It_is_not_closed_with_the_host_and_has_the_declared_topics()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("invoices");
        using (var host = await StartAsync(b => b.UseBroker(broker)
            .AddTopic(Orders, topic => topic.Partitions = 3).AddTopic(Invoices, topic => topic.Partitions = 2)
            .AddProducer(Orders).AddPipeline("billing").Read(Orders).ProcessedBy<Billing>()))
        {
            host.Get<Broker>().Should().BeSameAs(broker);
            await host.Get<Producer<string, string>>().SendAsync("k", "1");
            (await broker.ReadAsync(Invoices, 1)).Should().ContainSingle();
            await host.StopAndDisposeAsync();
        }

        await broker.PublishAsync(Orders, "k", "2");
        broker.Admin.DescribeTopic("orders")!.Partitions.Should().Be(3);
        broker.Admin.DescribeTopic("invoices")!.Partitions.Should().Be(2);
        using var next = await StartAsync(b => b.UseBroker(broker).AddPipeline("billing").Read(Orders).ProcessedBy<Billing>());
        (await broker.ReadAsync(Invoices, 2)).Select(invoice => invoice.Value).Should().Equal("invoice 1", "invoice 2");
        await next.StopAndDisposeAsync();
    }

    [Fact]
    public async Task It_wins_over_whatever_else_is_said_about_which_broker()
    {
        await using var first = Broker.CreateInMemory();
        await using var second = Broker.CreateInMemory();
        using var host = await StartAsync(
            b => b.UseBroker(first).UseDirectory("/nowhere"),
            services =>
            {
                services.AddExactlyOnce("audit", b => b.UseMemory().AddTopic(Orders));
                services.AddExactlyOnce("audit").UseBroker(second);
            },
            ("ConnectionStrings:ExactlyOnce", "mode=durable;path=/nowhere/else"));

        host.Get<Broker>().Should().BeSameAs(first);
        host.Services.GetRequiredKeyedService<Broker>("audit").Should().BeSameAs(second);
        second.Admin.DescribeTopic("orders").Should().NotBeNull();
        await host.StopAndDisposeAsync();
    }

    [Fact]
    public async Task A_handler_that_never_returns_does_not_hold_the_host_on_it_either()
    {
        await using var broker = Broker.CreateInMemory(options => options.CloseTimeout = TimeSpan.Zero);
        var stuck = new TaskCompletionSource();
        var notes = new Notes();
        var host = await StartAsync(
            b => b.UseBroker(broker).AddPipeline("stuck", (_, pipeline) => pipeline.Read(Orders).ProcessEach(async (_, _, _) =>
            {
                notes.Add("called");
                await stuck.Task;
            })),
            services => services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(100)));
        await broker.PublishAsync(Orders, "k", "1");
        await notes.WaitAsync("called");

        await host.StopAndDisposeAsync().WaitAsync(TimeSpan.FromSeconds(15));

        stuck.SetResult();
    }

    [Theory]
    [InlineData(FaultPoint.BeforeAppend)]
    [InlineData(FaultPoint.AfterAppend)]
    [InlineData(FaultPoint.BeforeCommit)]
    [InlineData(FaultPoint.AfterCommit)]
    [InlineData(FaultPoint.BeforeHandler)]
    [InlineData(FaultPoint.AfterHandler)]
    public async Task What_handlers_publish_takes_effect_once_wherever_the_process_dies(FaultPoint point)
    {
        for (var skip = 0; skip < 4; skip++)
        {
            await using var test = TestBroker.Create();
            for (var number = 1; number <= 6; number++)
                await test.Broker.PublishAsync(Orders, $"customer-{number % 2}", $"{number}");
            test.Faults.At(point).By("billing").Skip(skip).CrashOnce();
            test.Run(async (broker, cancellationToken) =>
            {
                using var host = Host(b => b.UseBroker(broker)
                    .AddConsumer(Orders, "billing").HandledBy<PublishingHandler>(pipeline => pipeline.WithBatch(1))
                    .AddEvent(s_billed).HandledBy<ForwardingHandler>("forwarding")
                    .AddEvent(Invoices, invoice => invoice));
                await host.RunAsync(cancellationToken);
            });
            await test.RunUntilIdleAsync();

            test.Committed(Invoices).Select(invoice => invoice.Value).Should().BeEquivalentTo(Enumerable.Range(1, 6).Select(number => $"invoice {number}"));
            (test.Crashes, test.Faults.Pending.Count).Should().Be((1, 0));
            test.VerifyInvariants();
        }
    }

    [Fact]
    public async Task A_host_that_does_not_start_leaves_nothing_behind_on_it()
    {
        await using var broker = Broker.CreateInMemory();
        var host = Host(b => b.UseBroker(broker).AddPipeline("billing").Read(Orders).ProcessedBy<Billing>(), services => services.AddHostedService<FailingService>());
        await host.Invoking(h => h.StartAsync()).Should().ThrowAsync<InvalidOperationException>().WithMessage("not today");

        await host.Awaiting(h => ((IAsyncDisposable)h).DisposeAsync().AsTask()).Should().NotThrowAsync();

        await broker.PublishAsync(Orders, "k", "1");
    }

    private sealed record Billed(string Order);

    private sealed class PublishingHandler(IEventBus bus) : IRecordHandler<string, string>
    {
        public async ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            await Task.Yield();
            await bus.PublishAsync(new Billed(record.Value), cancellationToken);
        }
    }

    private sealed class ForwardingHandler(IEventBus bus) : IHandle<Billed>
    {
        public ValueTask HandleAsync(Billed billed, CancellationToken cancellationToken) => bus.PublishAsync($"invoice {billed.Order}", cancellationToken);
    }

    private sealed class FailingService : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("not today");

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Billing : IBatchHandler<string, string>
    {
        public async ValueTask HandleAsync(ConsumerBatch<string, string> batch, TransactionWriter output, CancellationToken cancellationToken)
        {
            foreach (var order in batch)
                await output.SendAsync(Invoices, order.Key, $"invoice {order.Value}", cancellationToken);
        }
    }
}
