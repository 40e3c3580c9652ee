using ExactlyOnce.Kafka.Endpoint;

namespace ExactlyOnce.Benchmarks.Comparing;

// Here, because the types of our own namespace, some of the same name, come before those of usings further out.
using Confluent.Kafka;

/// <summary>Somebody who serves Kafka clients over loopback, in this process: the endpoint over a broker, or librdkafka's mock cluster.</summary>
internal abstract class KafkaServer(string name, string lacks) : IAsyncDisposable
{
    /// <summary>As the mock has them, whose number is fixed.</summary>
    public const int Partitions = 4;

    /// <summary>Of a partition; the mock keeps 5 MiB.</summary>
    private const long RetainedBytes = 16 << 20;

    public string Name => name;

    public string Lacks => lacks;

    public abstract string BootstrapServers { get; }

    /// <summary>Makes a topic of <see cref="Partitions"/> partitions.</summary>
    public virtual Task CreateTopicAsync(string topic) => Task.CompletedTask;

    /// <summary>Lets go of what a topic holds.</summary>
    public virtual Task DeleteTopicAsync(string topic) => Task.CompletedTask;

    public abstract ValueTask DisposeAsync();

    public static async Task<KafkaServer> InMemoryAsync() => await ServedBroker.StartAsync("ExactlyOnce", Broker.CreateInMemory(), folder: null);

    public static async Task<KafkaServer> FlushedAsync()
    {
        var folder = new TemporaryFolder();
        return await ServedBroker.StartAsync("ExactlyOnce, Flushed", await Broker.OpenAsync(folder.Path), folder);
    }

    public static KafkaServer Mock() => new MockCluster();

    private sealed class ServedBroker(string name, Broker broker, KafkaEndpoint endpoint, TemporaryFolder? folder) : KafkaServer(name, "")
    {
        public override string BootstrapServers => endpoint.BootstrapServers;

        public static async Task<KafkaServer> StartAsync(string name, Broker broker, TemporaryFolder? folder) =>
            new ServedBroker(name, broker, await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 }), folder);

        public override Task CreateTopicAsync(string topic) => broker.Admin.CreateTopicAsync(topic, options =>
        {
            options.Partitions = Partitions;
            options.RetainBytes = RetainedBytes;
        });

        public override Task DeleteTopicAsync(string topic) => broker.Admin.DeleteTopicAsync(topic);

        public override async ValueTask DisposeAsync()
        {
            await endpoint.DisposeAsync();
            await broker.DisposeAsync();
            folder?.Dispose();
        }
    }

    /// <summary>It lives in a client that is made for it, which also tells where it listens.</summary>
    private sealed class MockCluster : KafkaServer
    {
        private readonly IAdminClient _owner;

        public MockCluster()
            : base("mock cluster", "keeps the last 5 MiB of a partition and nothing on disk; sequences are not remembered, CRCs and records are not looked at, transactions hide nothing from anybody")
        {
            var config = new AdminClientConfig();
            config.Set("test.mock.num.brokers", "1");
            _owner = new AdminClientBuilder(config).Build();
            var broker = _owner.GetMetadata(TimeSpan.FromSeconds(10)).Brokers.Single();
            BootstrapServers = $"{broker.Host}:{broker.Port}";
        }

        public override string BootstrapServers { get; }

        public override ValueTask DisposeAsync()
        {
            _owner.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
