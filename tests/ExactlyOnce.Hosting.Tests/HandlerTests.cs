using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>Handlers from the application's services: their scopes, their transactions, their failures.</summary>
public sealed class HandlerTests
{
    [Fact]
    public async Task A_handler_comes_from_a_scope_of_its_batch_which_ends_with_it()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<ScopedHandler>(pipeline => pipeline.WithBatch(2)),
            services => services.AddScoped<Resource>().AddSingleton<Notes>());
        var notes = host.Get<Notes>();

        await PublishAsync(host, "1", "2", "3");
        await notes.WaitAsync("3");
        await host.StopAsync();

        notes.Resources.Should().OnlyContain(resource => resource.IsDisposed).And.HaveCountGreaterThanOrEqualTo(2, "a batch has two records at most");
        notes.Values.Should().Equal("1", "2", "3");
    }

    [Fact]
    public async Task What_a_batch_handler_writes_and_that_the_batch_is_done_become_true_together()
    {
        using var host = await StartAsync(b => b.UseMemory().AddPipeline("billing").Read(Orders, p => p.WithRetry(3, TimeSpan.Zero)).ProcessedBy<Billing>(), services => services.AddSingleton<Notes>());

        await PublishAsync(host, "1", "2");
        var invoices = await host.Get<Broker>().ReadAsync(Invoices, 2);
        await host.StopAsync();

        host.Get<Notes>().Values.Should().HaveCountGreaterThan(2, "the first attempt of every batch fails behind its writes");
        invoices.Select(invoice => invoice.Value).Should().Equal("invoice 1", "invoice 2");
    }

    [Fact]
    public async Task What_a_handler_publishes_takes_effect_together_with_its_record_and_never_otherwise()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddEvent(Invoices, value => value).WithLanes(1)
                .AddConsumer(Orders, "billing").HandledBy<PublishingHandler>(pipeline => pipeline.WithRetry(5, TimeSpan.Zero)),
            services => services.AddSingleton<Notes>());

        await PublishAsync(host, "1", "2", "3");
        var invoices = await host.Get<Broker>().ReadAsync(Invoices, 3);
        await host.StopAsync();

        host.Get<Notes>().Values.Should().HaveCountGreaterThan(3, "each order fails once after it has published");
        invoices.Select(invoice => invoice.Value).Should().Equal("1", "2", "3");
    }

    [Fact]
    public async Task What_a_handler_has_left_running_publishes_by_itself_when_the_handler_has_returned()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddEvent(Invoices, value => value).AddConsumer(Orders, "billing").HandledBy<StartingHandler>(),
            services => services.AddSingleton<Notes>().AddSingleton<Background>());

        await PublishAsync(host, "1");
        await host.Get<Notes>().WaitAsync("1");
        await PublishAsync(host, "2");
        await host.Get<Notes>().WaitAsync("2");
        host.Get<Background>().GoOn.SetResult();
        await host.Get<Background>().Running!;

        (await host.Get<Broker>().ReadAsync(Invoices, 1)).Single().Value.Should().Be("left behind");
        await host.StopAsync();
    }

    [Fact]
    public async Task A_record_that_keeps_failing_is_tried_as_often_as_it_may_and_becomes_a_dead_letter_with_its_cause()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<PickyHandler>(pipeline => pipeline.WithRetry(3, TimeSpan.FromMilliseconds(1)).DeadLetterTo(Dead)),
            services => services.AddSingleton<Notes>());

        await PublishAsync(host, "1", "bad", "2");
        var letter = (await host.Get<Broker>().ReadAsync(Dead, 1)).Single();
        await host.Get<Notes>().WaitAsync("2");
        await host.StopAsync();

        letter.Value.Should().Be("bad");
        letter.Headers.GetText(DeadLetterHeaders.Pipeline).Should().Be("mailer");
        letter.Headers.GetText(DeadLetterHeaders.Attempts).Should().Be("3");
        letter.Headers.GetText(DeadLetterHeaders.Exception).Should().Be(typeof(FormatException).FullName);
        letter.Headers.GetText(DeadLetterHeaders.Message).Should().Be("'bad' cannot be read");
        host.Get<Notes>().Values.Count(value => value == "bad").Should().Be(3);
    }

    [Fact]
    public async Task A_partition_that_is_stopped_by_a_record_does_not_stop_the_others()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddTopic(Orders, topic => topic.Partitions = 2)
                .AddConsumer(Orders, "mailer").HandledBy<PickyHandler>(pipeline => pipeline.WithRetry(2, TimeSpan.Zero).WhenRetriesExhausted(WhenRetriesExhausted.StopPartition)),
            services => services.AddSingleton<Notes>());
        var broker = host.Get<Broker>();

        await broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "bad") { Partition = 0 });
        await broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "behind it") { Partition = 0 });
        await host.Get<Notes>().WaitAsync("bad", 2);
        await broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "elsewhere") { Partition = 1 });
        await host.Get<Notes>().WaitAsync("elsewhere");
        await host.StopAsync();

        host.Get<Notes>().Values.Should().NotContain("behind it");
    }

    [Fact]
    public async Task A_pipeline_of_the_applications_own_making_runs_with_the_host()
    {
        using var host = await StartAsync(b => b.UseMemory().AddPipeline("billing", (_, pipeline) => pipeline.Read(Orders).To(Invoices, order => (order.Key, $"invoice {order.Value}"))));

        await PublishAsync(host, "1");

        (await host.Get<Broker>().ReadAsync(Invoices, 1)).Single().Value.Should().Be("invoice 1");
        await host.StopAsync();
    }

    private static async Task PublishAsync(Microsoft.Extensions.Hosting.IHost host, params string[] values)
    {
        await using var producer = host.Get<Broker>().CreateProducer(Orders).Build();
        foreach (var value in values)
            await producer.PostAsync("k", value);
        await producer.FlushAsync();
    }

    internal sealed class Resource(Notes notes) : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Note(string value)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            notes.Resources.Add(this);
            notes.Add(value);
        }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class ScopedHandler(Resource resource) : IRecordHandler<string, string>
    {
        public ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            resource.Note(record.Value);
            return default;
        }
    }

    private sealed class Billing(Notes notes) : IBatchHandler<string, string>
    {
        public async ValueTask HandleAsync(ConsumerBatch<string, string> batch, TransactionWriter output, CancellationToken cancellationToken)
        {
            var isFirst = false;
            foreach (var order in batch)
            {
                isFirst |= notes.Add(order.Value) == 1;
                await output.SendAsync(Invoices, order.Key, $"invoice {order.Value}", cancellationToken);
            }
            if (isFirst)
                throw new TimeoutException("the first time everything is slow");
        }
    }

    private sealed class PublishingHandler(IEventBus bus, Notes notes) : IRecordHandler<string, string>
    {
        public async ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            await bus.PublishAsync(record.Value, cancellationToken);
            if (notes.Add(record.Value) == 1)
                throw new TimeoutException("after it was published");
        }
    }

    /// <summary>Is started by whoever needs it first, and goes on.</summary>
    private sealed class Background(IEventBus bus)
    {
        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task? Running { get; private set; }

        public void Start() => Running ??= RunAsync();

        private async Task RunAsync()
        {
            await GoOn.Task;
            await bus.PublishAsync("left behind");
        }
    }

    private sealed class StartingHandler(Background background, Notes notes) : IRecordHandler<string, string>
    {
        public ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            background.Start();
            notes.Add(record.Value);
            return default;
        }
    }

    private sealed class PickyHandler(Notes notes) : IRecordHandler<string, string>
    {
        public ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken)
        {
            notes.Add(record.Value);
            return record.Value == "bad" ? throw new FormatException($"'{record.Value}' cannot be read") : default;
        }
    }
}
