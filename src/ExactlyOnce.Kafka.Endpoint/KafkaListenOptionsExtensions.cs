using System.Net;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce.Kafka.Endpoint;

/// <summary>Serves Kafka clients on a port of the host's Kestrel.</summary>
public static class KafkaListenOptionsExtensions
{
    /// <summary>
    /// Serves the broker that the host's services have (<c>services.AddSingleton(broker)</c>).
    /// <code>builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(9092, listen => listen.UseKafka()));</code>
    /// </summary>
    /// <param name="listen">The port.</param>
    /// <param name="options">How clients are served; address and port are those of <paramref name="listen"/>. Null for defaults.</param>
    public static ListenOptions UseKafka(this ListenOptions listen, KafkaEndpointOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(listen);
        return listen.UseKafka(listen.ApplicationServices.GetRequiredService<Broker>(), options);
    }

    /// <summary>Serves a broker.</summary>
    /// <param name="listen">The port.</param>
    /// <param name="broker">The broker, disposed after the host has stopped.</param>
    /// <param name="options">How clients are served; address and port are those of <paramref name="listen"/>. Null for defaults.</param>
    /// <exception cref="InvalidRequestException">An option is not valid, or would open the broker to a network without TLS and authentication.</exception>
    public static ListenOptions UseKafka(this ListenOptions listen, Broker broker, KafkaEndpointOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(listen);
        ArgumentNullException.ThrowIfNull(broker);
        options ??= new KafkaEndpointOptions();
        options.Validate();
        // Localhost has no address of its own, and a socket in the file system none that others could reach.
        if (listen.EndPoint is IPEndPoint { Address: var address })
            options.RequireSafe(address);
        listen.ServeKafka(new KafkaServer(broker, options));
        return listen;
    }

    internal static void ServeKafka(this ListenOptions listen, KafkaServer server)
    {
        // Nothing is negotiated in TLS: what is spoken here is known.
        listen.Protocols = HttpProtocols.None;
        listen.Use(next => connection => server.AcceptAsync(connection, next));
        if (server.Options.Tls is { } tls)
            listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => new(tls), HandshakeTimeout = server.Options.LoginTimeout });
        listen.Run(new KafkaConnectionHandler(server).OnConnectedAsync);
    }
}
