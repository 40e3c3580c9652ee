namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;

/// <summary>The clients in process.</summary>
public sealed class InProcessConformanceTests : ConfluentConformance
{
    protected override ProducerBuilder<string, string> ProducerBuilder(ProducerConfig config) => new InProcessProducerBuilder<string, string>(Broker, config);

    protected override ConsumerBuilder<string, string> ConsumerBuilder(ConsumerConfig config) => new InProcessConsumerBuilder<string, string>(Broker, config);

    protected override AdminClientBuilder AdminBuilder(AdminClientConfig config) => new InProcessAdminClientBuilder(Broker, config);

    protected override void BuildUnknown() => new InProcessProducerBuilder<string, Version>(Broker, new ProducerConfig()).Build();
}
