namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

using System.Net;
using System.Net.Sockets;
using Confluent.Kafka;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>An endpoint that its clients only reach through a proxy, which is also what it tells them to connect to.</summary>
public abstract class FaultTest : IAsyncLifetime
{
    private protected const short Produce = 0;
    private protected const short AddPartitionsToTxn = 24;
    private protected const short EndTxn = 26;
    private protected const short TxnOffsetCommit = 28;

    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<RawClient> _clients = [];

    private protected Broker Broker { get; } = Broker.CreateInMemory();

    private protected KafkaEndpoint Endpoint { get; private set; } = null!;

    private protected FaultProxy Proxy { get; private set; } = null!;

    /// <summary>The endpoint's own address, around the proxy.</summary>
    private protected string DirectAddress { get; private set; } = "";

    public async Task InitializeAsync()
    {
        var port = FreePort();
        DirectAddress = $"127.0.0.1:{port}";
        Proxy = new FaultProxy(port);
        var options = Options();
        (options.Port, options.AdvertisedHost, options.AdvertisedPort) = (port, "127.0.0.1", Proxy.Port);
        Endpoint = await KafkaEndpoint.StartAsync(Broker, options);
        Proxy.Start();
        await Broker.Admin.CreateTopicAsync("in");
        await Broker.Admin.CreateTopicAsync("out");
    }

    public async Task DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await Proxy.DisposeAsync();
        await Endpoint.DisposeAsync();
        await Broker.DisposeAsync();
    }

    private protected virtual KafkaEndpointOptions Options() => new();

    private protected RawClient Connect(bool direct = false)
    {
        var client = new RawClient(direct ? DirectAddress : Proxy.Address);
        _clients.Add(client);
        return client;
    }

    private protected IProducer<Null, string> BuildProducer(string? transactionalId = null, int? requestTimeoutMs = null) => new ProducerBuilder<Null, string>(new ProducerConfig
    {
        BootstrapServers = Proxy.Address,
        EnableIdempotence = true,
        TransactionalId = transactionalId,
        TransactionTimeoutMs = transactionalId is null ? null : 60_000,
        LingerMs = 2,
        RequestTimeoutMs = requestTimeoutMs,
        SocketTimeoutMs = requestTimeoutMs,
        RetryBackoffMs = 20,
        RetryBackoffMaxMs = 100,
        ReconnectBackoffMs = 20,
        ReconnectBackoffMaxMs = 100,
    }).SetLogHandler(static (_, _) => { }).Build();

    /// <summary>What a reader of committed records finds, from a client that the proxy does not disturb.</summary>
    private protected List<string> ReadCommitted(string topic)
    {
        Proxy.Rule = null;
        using var consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig
        {
            BootstrapServers = DirectAddress,
            GroupId = "reader",
            EnableAutoCommit = false,
            EnablePartitionEof = true,
            IsolationLevel = Confluent.Kafka.IsolationLevel.ReadCommitted,
        }).Build();
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        var values = new List<string>();
        while (consumer.Consume(Patience) is { IsPartitionEOF: false } record)
            values.Add(record.Message.Value);
        return values;
    }

    private protected static async Task<FrameFate> HoldAsync(TaskCompletionSource held, TaskCompletionSource release)
    {
        held.TrySetResult();
        await release.Task;
        return FrameFate.Pass;
    }

    private protected static async Task EventuallyAsync(Func<bool> condition, string because)
    {
        for (var patience = 2000; patience > 0 && !condition(); patience--)
            await Task.Delay(10);
        condition().Should().BeTrue(because);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
