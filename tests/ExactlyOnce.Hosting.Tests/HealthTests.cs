using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>What the health check says of each thing that can be wrong.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task A_broker_is_unhealthy_before_it_is_open_healthy_while_it_is_and_unhealthy_afterwards()
    {
        using var host = Host(b => b.UseMemory(), AddChecks);

        (await CheckAsync(host)).Status.Should().Be(HealthStatus.Unhealthy);
        (await CheckAsync(host)).Description.Should().Contain("not open yet");
        await host.StartAsync();
        (await CheckAsync(host)).Status.Should().Be(HealthStatus.Healthy);
        await host.StopAsync();
        (await CheckAsync(host)).Description.Should().Contain("closed");
    }

    [Fact]
    public async Task A_pipeline_in_front_of_a_record_it_fails_on_is_degraded_and_named()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddTopic(Orders, topic => topic.Partitions = 2)
                .AddConsumer(Orders, "mailer").HandledBy<FailingHandler>(p => p.WithRetry(1).WhenRetriesExhausted(WhenRetriesExhausted.StopPartition)),
            AddChecks);
        await host.Get<Broker>().PublishAsync(Orders, new ProducerRecord<string, string>("k", "bad") { Partition = 1 });

        var result = await WhenAsync(host, HealthStatus.Degraded);

        result.Description.Should().Be("Pipeline 'mailer' stands in front of a record it fails on in orders-1.");
        result.Data.Should().ContainKey("mailer");
        await host.StopAsync();
    }

    [Fact]
    public async Task A_pipeline_that_has_stopped_is_unhealthy_with_its_cause()
    {
        using var host = await StartAsync(b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<FailingHandler>(p => p.WithRetry(1)), AddChecks);
        await host.Get<Broker>().PublishAsync(Orders, "k", "bad");

        var result = await WhenAsync(host, HealthStatus.Unhealthy);

        result.Description.Should().Contain("Pipeline 'mailer' has stopped");
        result.Exception.Should().BeOfType<HandlerFailedException>();
        await host.StopAsync();
    }

    [Fact]
    public async Task A_transaction_that_stays_open_is_degraded_and_named()
    {
        var clock = new FakeTimeProvider();
        using var host = await StartAsync(b => b.UseMemory().AddTransactionalProducer("checkout"), services => AddChecks(services.AddSingleton<TimeProvider>(clock)));
        await using var transaction = await host.Get<TransactionalProducer>().BeginTransactionAsync();
        for (var i = 0; i < 2000; i++)
            await transaction.SendAsync(Orders, "k", new string('x', 1000));

        clock.Advance(TimeSpan.FromSeconds(30));
        (await CheckAsync(host)).Status.Should().Be(HealthStatus.Healthy);
        host.Get<Microsoft.Extensions.Options.IOptionsMonitor<ExactlyOnceOptions>>().CurrentValue.StuckTransactionAfter = TimeSpan.FromSeconds(20);
        var result = await CheckAsync(host);

        result.Status.Should().Be(HealthStatus.Degraded);
        result.Description.Should().Contain("'checkout' has been open since");
        await transaction.DisposeAsync();
        (await CheckAsync(host)).Status.Should().Be(HealthStatus.Healthy);
        await host.StopAsync();
    }

    [Fact]
    public async Task No_transaction_is_ever_stuck_when_the_limit_is_for_ever()
    {
        using var host = await StartAsync(b => b.UseMemory().Configure(o => o.StuckTransactionAfter = TimeSpan.MaxValue).AddTransactionalProducer("checkout"), AddChecks);
        await using var transaction = await host.Get<TransactionalProducer>().BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", "v");

        (await CheckAsync(host)).Status.Should().Be(HealthStatus.Healthy);
        await transaction.DisposeAsync();
        await host.StopAsync();
    }

    [Fact]
    public void Two_findings_about_one_name_are_both_told()
    {
        var findings = new Health.Findings();
        findings.Fail("billing", "The pipeline has stopped.", new FormatException());
        findings.Degrade("billing", "The transaction is open.");

        var result = findings.ToResult(HealthStatus.Unhealthy, "ExactlyOnce");

        result.Data["billing"].Should().Be("The pipeline has stopped. The transaction is open.");
        result.Status.Should().Be(HealthStatus.Unhealthy);
    }

    [Fact]
    public async Task A_disk_that_failed_is_unhealthy_with_its_cause()
    {
        var folder = Directory.CreateTempSubdirectory("exactly-once-hosting-").FullName;
        using var host = await StartAsync(b => b.UseDirectory(folder).Configure(o => (o.Broker.JournalFileBytes, o.Broker.TailBytesMax) = (4 << 20, 256 << 20)), AddChecks);
        var broker = host.Get<Broker>();
        (await CheckAsync(host)).Status.Should().Be(HealthStatus.Healthy);

        // The next journal file cannot be made in a folder that is a file now.
        Directory.Delete(folder, recursive: true);
        await File.WriteAllTextAsync(folder, "");
        var writing = async () =>
        {
            for (var i = 0; i < 64; i++)
                await broker.PublishAsync(Orders, "k", new string('x', 500_000));
        };
        await writing.Should().ThrowAsync<StorageException>();

        var result = await CheckAsync(host);
        result.Status.Should().Be(HealthStatus.Unhealthy);
        result.Data.Should().ContainKey("disk");
        result.Exception.Should().BeAssignableTo<StorageException>();
        await host.StopAsync();
        File.Delete(folder);
    }

    [Fact]
    public async Task Each_named_broker_has_a_check_of_its_own()
    {
        using var host = await StartAsync(
            b => b.UseMemory(),
            services =>
            {
                services.AddExactlyOnce("audit").UseMemory();
                services.AddHealthChecks().AddExactlyOnce().AddExactlyOnce("audit", tags: ["slow"]);
            });

        var report = await host.Get<HealthCheckService>().CheckHealthAsync();

        report.Entries.Keys.Should().BeEquivalentTo("exactlyonce", "exactlyonce-audit");
        report.Entries["exactlyonce"].Tags.Should().Equal("ready");
        report.Entries["exactlyonce-audit"].Tags.Should().Equal("slow");
        await host.StopAsync();
    }

    private static void AddChecks(IServiceCollection services) => services.AddHealthChecks().AddExactlyOnce();

    private static async Task<HealthReportEntry> CheckAsync(IHost host) => (await host.Get<HealthCheckService>().CheckHealthAsync()).Entries["exactlyonce"];

    // The handler fails, and the pipeline draws its conclusion, on a thread of its own: asked until it has, within the bound.
    private static async Task<HealthReportEntry> WhenAsync(IHost host, HealthStatus status)
    {
        using var patience = new CancellationTokenSource(Soon);
        while (true)
        {
            var result = await CheckAsync(host);
            if (result.Status == status)
                return result;
            await Task.Delay(5, patience.Token);
        }
    }

    private sealed class FailingHandler : IRecordHandler<string, string>
    {
        public ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken) => throw new FormatException(record.Value);
    }
}
