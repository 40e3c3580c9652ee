using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>The order in which things start and stop, and the bounds of stopping.</summary>
public sealed class LifetimeTests : IDisposable
{
    private static readonly TopicPartition s_first = new("orders", 0);

    private readonly string _folder = Directory.CreateTempSubdirectory("exactly-once-hosting-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_broker_is_open_while_any_hosted_service_lives_and_pipelines_run_only_when_all_have_started()
    {
        using var host = Host(
            b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<NotingHandler>(),
            services => services.AddSingleton<Notes>().AddHostedService<BusyService>());
        var notes = host.Get<Notes>();

        await host.StartAsync();
        await notes.WaitAsync("handled while starting");
        await host.StopAsync();

        notes.Values.Should().Equal("started", "handled while starting", "stopped");
        host.Get<Broker>().Invoking(b => b.PublishAsync(Orders, "k", "v")).Should().Throw<ObjectDisposedException>("it closes behind everybody else");
    }

    [Fact]
    public async Task A_broker_that_cannot_be_opened_stops_the_host_from_starting_and_says_why()
    {
        await using var holder = await Broker.OpenAsync(_folder);
        using var host = Host(b => b.UseDirectory(_folder));

        await host.Invoking(h => h.StartAsync()).Should().ThrowAsync<StorageException>().WithMessage($"*{_folder}*");
    }

    [Fact]
    public async Task A_stopping_host_lets_the_batch_at_hand_finish()
    {
        using var host = await StartAsync(b => b.UseDirectory(_folder).AddConsumer(Orders, "mailer").HandledBy<WaitingHandler>(), services => services.AddSingleton<Notes>().AddSingleton<Gate>());
        await host.Get<Broker>().PublishAsync(Orders, "k", "1");
        await host.Get<Notes>().WaitAsync("1");

        var stopping = host.StopAsync();
        stopping.IsCompleted.Should().BeFalse();
        host.Get<Gate>().Opened.SetResult();
        await stopping.WaitAsync(Soon);

        (await CommittedAsync()).Should().Be(1);
    }

    [Fact]
    public async Task A_batch_that_is_not_finished_within_the_drain_timeout_is_aborted_and_done_after_the_next_start()
    {
        using (var host = await StartAsync(
            b => b.UseDirectory(_folder).Configure(o => o.DrainTimeout = TimeSpan.FromMilliseconds(50)).AddConsumer(Orders, "mailer").HandledBy<WaitingHandler>(),
            services => services.AddSingleton<Notes>().AddSingleton<Gate>()))
        {
            await host.Get<Broker>().PublishAsync(Orders, "k", "1");
            await host.Get<Notes>().WaitAsync("1");
            await host.StopAsync().WaitAsync(Soon);
        }
        (await CommittedAsync()).Should().BeNull();

        using var next = await StartAsync(b => b.UseDirectory(_folder).AddConsumer(Orders, "mailer").HandledBy<NotingHandler>(), services => services.AddSingleton<Notes>());
        await next.Get<Notes>().WaitAsync("1");
        await next.StopAsync();
        (await CommittedAsync()).Should().Be(1);
    }

    [Fact]
    public async Task A_handler_that_never_returns_does_not_hold_the_host_beyond_its_shutdown_timeout()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<StuckHandler>(),
            services => services.AddSingleton<Notes>().AddSingleton<Gate>().Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(200)));
        await host.Get<Broker>().PublishAsync(Orders, "k", "1");
        await host.Get<Notes>().WaitAsync("1");

        await host.StopAsync().WaitAsync(Soon);

        host.Get<Gate>().Opened.SetResult();
    }

    [Fact]
    public async Task Nor_does_it_hold_the_services_that_are_disposed_of_afterwards()
    {
        var (gate, notes) = (new Gate(), new Notes());
        var host = await StartAsync(
            b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<StuckHandler>(),
            services => services.AddSingleton(notes).AddSingleton(gate).Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(200)));
        await host.Get<Broker>().PublishAsync(Orders, "k", "1");
        await notes.WaitAsync("1");

        // The broker's own patience with a client that does not close is thirty seconds.
        await host.StopAndDisposeAsync().WaitAsync(TimeSpan.FromSeconds(15));

        gate.Opened.SetResult();
    }

    private async Task<long?> CommittedAsync()
    {
        await using var broker = await Broker.OpenAsync(_folder);
        return (await broker.Admin.GetGroupOffsetsAsync("mailer", "orders")).TryGetValue(s_first, out var offset) ? offset.Offset : null;
    }

    private sealed class Gate
    {
        public TaskCompletionSource Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class NotingHandler(Notes notes) : IRecordHandler<string, string>
    {
        public ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            notes.Add(record.Value);
            return default;
        }
    }

    private sealed class WaitingHandler(Notes notes, Gate gate) : IRecordHandler<string, string>
    {
        public async ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            notes.Add(record.Value);
            await gate.Opened.Task.WaitAsync(cancellationToken);
        }
    }

    private sealed class StuckHandler(Notes notes, Gate gate) : IRecordHandler<string, string>
    {
        public async ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            notes.Add(record.Value);
            await gate.Opened.Task;
        }
    }

    /// <summary>Takes a broker in its constructor, publishes while it starts and while it stops.</summary>
    private sealed class BusyService(Broker broker, Notes notes) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            await broker.PublishAsync(Orders, "k", "handled while starting", cancellationToken);
            notes.Add("started");
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            await broker.PublishAsync(Orders, "k", "not handled any more", cancellationToken);
            notes.Add("stopped");
        }
    }
}
