using Microsoft.AspNetCore.Connections;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>Where Kestrel hands over a connection; it lives as long as the task.</summary>
internal sealed class KafkaConnectionHandler(KafkaServer server) : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        await using var served = new KafkaConnection(server, connection);
        if (!server.Connections.TryAdd(served))
        {
            EndpointLog.TooManyConnections(server.Logger, $"{connection.RemoteEndPoint}", server.Connections.Count);
            return;
        }
        try
        {
            await served.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            server.Connections.Remove(served);
        }
    }
}
