using ExactlyOnce.Kafka.Endpoint;

namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;

/// <summary>The real Confluent.Kafka, over the endpoint, in this process too.</summary>
public sealed class EndpointConformanceTests : ConfluentConformance
{
    private KafkaEndpoint _endpoint = null!;

    public override async Task InitializeAsync() => _endpoint = await KafkaEndpoint.StartAsync(Broker, new KafkaEndpointOptions { Port = 0 });

    public override async Task DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override ProducerBuilder<string, string> ProducerBuilder(ProducerConfig config) => new(Connected(config));

    protected override ConsumerBuilder<string, string> ConsumerBuilder(ConsumerConfig config) => new(Connected(config));

    protected override AdminClientBuilder AdminBuilder(AdminClientConfig config) => new(Connected(config));

    protected override void BuildUnknown() => new ProducerBuilder<string, Version>(Connected(new ProducerConfig())).Build();

    private T Connected<T>(T config)
        where T : ClientConfig
    {
        config.BootstrapServers = _endpoint.BootstrapServers;
        return config;
    }
}
