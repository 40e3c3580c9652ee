using ExactlyOnce.Hosting.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>What the configuration says, what the code says, and what is told about a mistake.</summary>
public sealed class OptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("exactly-once-hosting-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_configuration_alone_describes_a_broker()
    {
        using var host = await StartAsync(
            b => b.AddTopic(Orders),
            null,
            ("ExactlyOnce:ConnectionString", $"mode=durable;path={_folder};durability=written"),
            ("ExactlyOnce:CommitDelay", "00:00:00.001"),
            ("ExactlyOnce:TailBytesMax", "128MiB"),
            ("ExactlyOnce:AutoCreateTopics", "false"),
            ("ExactlyOnce:Topics:orders:Partitions", "4"),
            ("ExactlyOnce:Topics:orders:RetainFor", "forever"));

        var options = host.Get<IOptionsMonitor<ExactlyOnceOptions>>().CurrentValue.Broker;
        (options.Directory, options.Durability, options.CommitDelay, options.TailBytesMax, options.AutoCreateTopics)
            .Should().Be((_folder, Durability.Written, TimeSpan.FromMilliseconds(1), 128L << 20, false));
        var topic = host.Get<Broker>().Admin.DescribeTopic("orders")!;
        (topic.Partitions, topic.Options.RetainFor).Should().Be((4, TopicOptions.Forever));
        await host.StopAndDisposeAsync();
    }

    [Theory]
    [InlineData("ConnectionStrings:ExactlyOnce", "")]
    [InlineData("ConnectionStrings:audit", "audit")]
    [InlineData("ExactlyOnce:Brokers:audit:ConnectionString", "audit")]
    public void A_connection_string_may_stand_where_connection_strings_stand(string key, string broker)
    {
        var services = Services((key, "mode=memory"));
        _ = broker.Length == 0 ? services.AddExactlyOnce() : services.AddExactlyOnce(broker);
        using var provider = services.BuildServiceProvider();

        provider.GetRequiredService<IOptionsMonitor<ExactlyOnceOptions>>().Get(broker).ConnectionString.Should().Be("mode=memory");
    }

    [Fact]
    public async Task The_code_says_last_which_broker_and_the_configuration_says_last_how_topics_and_pipelines_are()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddTopic(Orders, topic => topic.Partitions = 2)
                .AddConsumer(Orders, "mailer").HandledBy<NoHandler>(pipeline => pipeline.WithBatch(7)),
            null,
            ("ConnectionStrings:ExactlyOnce", "mode=durable;path=/nowhere"),
            ("ExactlyOnce:Topics:orders:Partitions", "5"),
            ("ExactlyOnce:Pipelines:mailer:Workers", "3"));

        host.Get<Broker>().Admin.DescribeTopic("orders")!.Partitions.Should().Be(5);
        host.Get<IOptionsMonitor<ExactlyOnceOptions>>().CurrentValue.Broker.Directory.Should().BeNull();
        await host.StopAsync();
    }

    [Fact]
    public async Task All_mistakes_are_told_at_once_when_the_host_starts_with_what_to_write()
    {
        using var host = Host(
            b => b.AddTopic(Orders).AddConsumer(Orders, "mailer").HandledBy<NoHandler>(),
            services => services.AddExactlyOnce("audit").UseMemory(),
            ("ExactlyOnce:ConnectionString", "mode=durable"),
            ("ExactlyOnce:CommitDelay", "5"),
            ("ExactlyOnce:ComitDelay", "00:00:01"),
            ("ExactlyOnce:TailBytesMax", "many"),
            ("ExactlyOnce:Durability", "2"),
            ("ExactlyOnce:Topics:oders:Partitions", "5"),
            ("ExactlyOnce:Topics:orders:RetainFor", "7"),
            ("ExactlyOnce:Pipelines:mailer:Workers", "some"),
            ("ExactlyOnce:Brokers:adit:ConnectionString", "mode=memory"));

        var failure = (await host.Invoking(h => h.StartAsync()).Should().ThrowAsync<OptionsValidationException>()).Which;

        failure.Failures.Should().SatisfyRespectively(
            first => first.Should().Match("ExactlyOnce:ComitDelay is not a setting. Settings here are *CommitDelay*"),
            second => second.Should().Match("ExactlyOnce:CommitDelay is '5'. Write hours:minutes:seconds, for example 00:00:05*"),
            third => third.Should().Match("ExactlyOnce:Durability is '2'. Write Memory or Written or Flushed."),
            fourth => fourth.Should().Match("ExactlyOnce:TailBytesMax is 'many'. Write a number of bytes*64MiB."),
            fifth => fifth.Should().Match("ExactlyOnce:Topics:oders names a topic that takes no settings; those that do are orders."),
            sixth => sixth.Should().Match("ExactlyOnce:Topics:orders:RetainFor is '7'. Write hours:minutes:seconds*"),
            seventh => seventh.Should().Be("ExactlyOnce:Pipelines:mailer:Workers is 'some'. Write a whole number."),
            eighth => eighth.Should().Be("ExactlyOnce:Brokers:adit names a broker that is not registered; those that are: audit."),
            ninth => ninth.Should().Match("mode=durable needs a folder: write mode=durable;path=data/shop.*"));
    }

    [Fact]
    public async Task A_broker_that_is_not_told_where_to_keep_its_records_does_not_guess()
    {
        using var host = Host(b => b.AddTopic(Orders));

        await host.Invoking(h => h.StartAsync()).Should().ThrowAsync<OptionsValidationException>().WithMessage("*UseMemory()*UseDirectory*ConnectionStrings:ExactlyOnce*");
    }

    [Fact]
    public async Task A_setting_that_a_pipeline_cannot_work_with_stops_the_host_from_starting_and_names_the_pipeline()
    {
        using var host = Host(b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<NoHandler>(), null, ("ExactlyOnce:Pipelines:mailer:Workers", "0"));

        await host.Invoking(h => h.StartAsync()).Should().ThrowAsync<InvalidOperationException>().WithMessage("The pipeline 'mailer' of ExactlyOnce cannot be made: Workers is 0; at least 1 is needed.");
    }

    [Fact]
    public async Task The_configuration_may_choose_another_policy_than_the_dead_letters_of_the_code()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddConsumer(Orders, "mailer").HandledBy<NoHandler>(pipeline => pipeline.DeadLetterTo(Dead)),
            null,
            ("ExactlyOnce:Pipelines:mailer:WhenRetriesExhausted", "StopPartition"));

        host.Get<Broker>().Admin.DescribeTopic(Dead.Name).Should().BeNull();
        await host.StopAsync();
    }

    [Theory]
    [InlineData("0:00:00")]
    [InlineData("forever")]
    public async Task A_drain_timeout_that_no_timer_can_take_is_refused_at_the_start_and_not_found_out_at_the_stop(string drain)
    {
        using var host = Host(b => b.UseMemory(), null, ("ExactlyOnce:DrainTimeout", drain));

        await host.Invoking(h => h.StartAsync()).Should().ThrowAsync<OptionsValidationException>().WithMessage("DrainTimeout is *above zero and at most*");
    }

    [Fact]
    public void Every_option_can_be_configured()
    {
        AssertComplete(Settings.Broker, new ExactlyOnceOptions(), typeof(ExactlyOnceOptions), nameof(ExactlyOnceOptions.Broker));
        AssertComplete(Settings.Broker, new ExactlyOnceOptions(), typeof(BrokerOptions), nameof(BrokerOptions.TimeProvider), nameof(BrokerOptions.LoggerFactory), nameof(BrokerOptions.Codecs));
        AssertComplete(Settings.Topics, new TopicOptions(), typeof(TopicOptions));
        AssertComplete(Settings.Pipelines, new PipelineOptions(), typeof(PipelineOptions), nameof(PipelineOptions.StartFrom));
    }

    private static void AssertComplete<TOptions>(SettingTable<TOptions> table, TOptions options, Type type, params string[] except)
    {
        foreach (var property in type.GetProperties().Where(property => !except.Contains(property.Name)))
        {
            var configuration = new ConfigurationBuilder().AddInMemoryCollection([new($"it:{property.Name}", "no value of any kind reads like this")]).Build();
            var mistakes = new List<string>();
            table.Apply(configuration.GetSection("it"), options, mistakes);
            mistakes.Should().NotContain(mistake => mistake.Contains("is not a setting"), property.Name);
        }
    }

    private static ServiceCollection Services(params (string Key, string Value)[] settings)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value))).Build());
        return services;
    }

    private sealed class NoHandler : IRecordHandler<string, string>
    {
        public ValueTask HandleAsync(ConsumerRecord<string, string> record, CancellationToken cancellationToken) => default;
    }
}
