using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>What is registered, and how it is injected.</summary>
public sealed class RegistrationTests
{
    [Fact]
    public async Task A_line_registers_a_broker_that_is_injected()
    {
        using var host = await StartAsync(b => b.UseMemory());

        await host.Get<Broker>().PublishAsync(Orders, "k", "1");

        (await host.Get<Broker>().ReadAsync(Orders, 1)).Single().Value.Should().Be("1");
        await host.StopAsync();
    }

    [Fact]
    public async Task Named_brokers_are_keyed_services_and_know_nothing_of_each_other()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddExactlyOnce("orders", b => b.UseMemory().AddTopic(Orders).AddProducer(Orders));
        builder.Services.AddExactlyOnce("audit", b => b.UseMemory().AddTopic(Invoices));
        using var host = builder.Build();
        await host.StartAsync();

        await host.Services.GetRequiredKeyedService<Producer<string, string>>("orders").SendAsync("k", "1");
        var orders = host.Services.GetRequiredKeyedService<Broker>("orders");
        var audit = host.Services.GetRequiredKeyedService<Broker>("audit");

        (await orders.ReadAsync(Orders, 1)).Should().ContainSingle();
        orders.Admin.DescribeTopic("invoices").Should().BeNull();
        audit.Admin.DescribeTopic("orders").Should().BeNull();
        host.Services.GetService<Broker>().Should().BeNull("there is none without a name");
        await host.StopAsync();
    }

    [Fact]
    public async Task What_several_modules_say_about_a_broker_adds_up()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddTopic(Orders, topic => topic.Partitions = 3),
            services => services.AddExactlyOnce().AddTopic(Orders, topic => topic.RetainFor = TimeSpan.FromHours(1)).AddTopic(Invoices));

        var topic = host.Get<Broker>().Admin.DescribeTopic("orders")!;

        (topic.Partitions, topic.Options.RetainFor).Should().Be((3, TimeSpan.FromHours(1)));
        host.Get<Broker>().Admin.DescribeTopic("invoices").Should().NotBeNull();
        host.Services.GetServices<IHostedService>().Should().ContainSingle("it is one broker");
        await host.StopAsync();
    }

    [Fact]
    public async Task Producers_consumers_and_transactional_producers_are_injected_by_type_and_by_name()
    {
        using var host = await StartAsync(b => b.UseMemory()
            .AddProducer(Orders, producer => producer.WithIdentity("import")).AddProducer(Invoices)
            .AddConsumer(Orders, "mailer").With(consumer => consumer.StartFrom(StartFrom.Earliest))
            .AddTransactionalProducer("checkout", options => options.MaxAttempts = 2));

        var orders = host.Services.GetRequiredKeyedService<Producer<string, string>>("orders");
        host.Get<Producer<string, string>>().Should().BeSameAs(host.Services.GetRequiredKeyedService<Producer<string, string>>("invoices"), "the last one registered is the one without a name");
        orders.Identity.Should().Be("import");
        await host.Get<TransactionalProducer>().InTransactionAsync((transaction, ct) => transaction.SendAsync(Orders, "k", "1", ct).AsTask());

        var consumer = host.Get<Consumer<string, string>>();
        consumer.Group.Should().Be("mailer");
        await foreach (var record in consumer.ReadToEndAsync())
            record.Value.Should().Be("1");
        consumer.GetLag(new TopicPartition("orders", 0)).Should().Be(0);
        await host.StopAsync();
    }

    [Fact]
    public void A_name_that_is_given_to_two_pipelines_is_refused_where_it_is_given()
    {
        var again = () => Host(b => b.UseMemory().AddPipeline("billing", (_, p) => p.Read(Orders).Process((_, _, _) => default)).AddPipeline("billing", (_, p) => p.Read(Orders).Process((_, _, _) => default)));

        again.Should().Throw<ArgumentException>().WithMessage("*'billing' is given twice*");
    }

    [Fact]
    public void A_broker_whose_name_is_a_key_of_another_brokers_service_is_refused_where_the_second_one_is_registered()
    {
        var namedSecond = () => Services().AddExactlyOnce(b => b.UseMemory().AddProducer(Orders)).Services.AddExactlyOnce("orders", b => b.UseMemory().AddProducer(Invoices));
        var namedFirst = () => Services().AddExactlyOnce("mailer", b => b.UseMemory().AddConsumer(Invoices, "audit")).Services.AddExactlyOnce(b => b.UseMemory().AddConsumer(Orders, "mailer"));
        var slashes = () => Services().AddExactlyOnce("a", b => b.AddTransactionalProducer("b/c")).Services.AddExactlyOnce("a/b", b => b.AddTransactionalProducer("c"));
        var otherTypes = () => Services().AddExactlyOnce(b => b.UseMemory().AddProducer(Orders)).Services.AddExactlyOnce("orders", b => b.UseMemory().AddConsumer(Orders, "audit"));

        namedSecond.Should().Throw<ArgumentException>().WithMessage("*the key 'orders' is there already*of ExactlyOnce;*'orders' wants to add one*give the named broker another name*");
        namedFirst.Should().Throw<ArgumentException>().WithMessage("*the key 'mailer'*of ExactlyOnce broker 'mailer'*");
        slashes.Should().Throw<ArgumentException>().WithMessage("*the key 'a/b/c'*");
        otherTypes.Should().NotThrow("a producer and a consumer are never mistaken for each other");

        static ServiceCollection Services() => [];
    }

    [Fact]
    public void A_consumer_that_is_described_as_injected_and_then_run_by_the_host_is_refused()
    {
        var both = () => Host(b => b.UseMemory().AddConsumer(Orders, "mailer").With(consumer => consumer.StartFrom(StartFrom.Latest)).HandledBy<NoHandler<string>>());

        both.Should().Throw<InvalidOperationException>().WithMessage("With describes the consumer of group 'mailer' that is injected*give HandledBy*");
    }

    [Fact]
    public async Task A_generic_handler_has_a_group_and_dead_letters_as_any_other()
    {
        using var host = await StartAsync(b => b.UseMemory().AddEvent(Orders, order => order).HandledBy<NoHandler<string>>());

        await host.Get<Broker>().PublishAsync(Orders, "k", "1");
        await host.StopAsync();

        host.Get<Broker>().Invoking(b => b.PublishAsync(Orders, "k", "1")).Should().Throw<ObjectDisposedException>("it was open until then");
    }

    [Fact]
    public async Task A_provider_without_a_host_opens_the_broker_when_it_is_wanted_and_closes_it()
    {
        var services = new ServiceCollection();
        services.AddExactlyOnce().UseMemory().AddTopic(Orders);
        Broker broker;
        await using (var provider = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true }))
        {
            broker = provider.GetRequiredService<Broker>();
            broker.Admin.DescribeTopic("orders").Should().NotBeNull();
        }

        broker.Invoking(b => b.PublishAsync(Orders, "k", "1")).Should().Throw<ObjectDisposedException>();
    }

    private sealed class NoHandler<TEvent> : IRecordHandler<string, TEvent>, IHandle<TEvent>
    {
        public ValueTask HandleAsync(ConsumerRecord<string, TEvent> record, CancellationToken cancellationToken) => default;

        public ValueTask HandleAsync(TEvent @event, CancellationToken cancellationToken) => default;
    }
}
