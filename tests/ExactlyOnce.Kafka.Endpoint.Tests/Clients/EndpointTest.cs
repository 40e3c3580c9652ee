namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>A broker in memory with an endpoint on a free port, and raw clients to it.</summary>
public abstract class EndpointTest : IAsyncLifetime
{
    private readonly List<RawClient> _clients = [];

    private protected Broker Broker { get; } = Broker.CreateInMemory();

    private protected KafkaEndpoint Endpoint { get; private set; } = null!;

    public async Task InitializeAsync() => Endpoint = await KafkaEndpoint.StartAsync(Broker, Options());

    public async Task DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await Endpoint.DisposeAsync();
        await Broker.DisposeAsync();
    }

    private protected virtual KafkaEndpointOptions Options() => new() { Port = 0 };

    private protected RawClient Connect()
    {
        var client = new RawClient(Endpoint);
        _clients.Add(client);
        return client;
    }
}
