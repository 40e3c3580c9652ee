using System.Net;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>A broker, in memory unless a test wants another, with an endpoint on a free port, and raw clients to it.</summary>
public abstract class EndpointTest : IAsyncLifetime
{
    private readonly List<RawClient> _clients = [];

    private protected Broker Broker { get; private set; } = null!;

    private protected KafkaEndpoint Endpoint { get; private set; } = null!;

    public virtual async Task InitializeAsync()
    {
        Broker = await OpenBrokerAsync();
        Endpoint = await KafkaEndpoint.StartAsync(Broker, Options());
    }

    public virtual Task DisposeAsync() => StopAsync();

    private protected virtual ValueTask<Broker> OpenBrokerAsync() => new(Broker.CreateInMemory());

    private protected virtual KafkaEndpointOptions Options() => new() { Port = 0 };

    private protected RawClient Connect()
    {
        var client = new RawClient(Endpoint);
        _clients.Add(client);
        return client;
    }

    /// <summary>Everything ends and begins again, on the same port.</summary>
    private protected async Task RestartAsync()
    {
        var options = Options();
        options.Port = IPEndPoint.Parse(Endpoint.BootstrapServers).Port;
        await StopAsync();
        Broker = await OpenBrokerAsync();
        Endpoint = await KafkaEndpoint.StartAsync(Broker, options);
    }

    private async Task StopAsync()
    {
        _clients.ForEach(client => client.Dispose());
        _clients.Clear();
        await Endpoint.DisposeAsync();
        await Broker.DisposeAsync();
    }
}
