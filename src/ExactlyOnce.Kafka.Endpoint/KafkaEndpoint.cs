using System.Net;
using System.Net.Sockets;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Kafka.Endpoint;

/// <summary>
/// A port that serves a broker to Kafka clients. Disposed before the broker. A host that has a Kestrel of its own uses
/// <see cref="KafkaListenOptionsExtensions.UseKafka(Microsoft.AspNetCore.Server.Kestrel.Core.ListenOptions, Broker, KafkaEndpointOptions)"/> instead.
/// <code>
/// await using var broker = Broker.CreateInMemory();
/// await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
/// var config = new ProducerConfig { BootstrapServers = endpoint.BootstrapServers };
/// </code>
/// </summary>
public sealed class KafkaEndpoint : IAsyncDisposable
{
    private readonly WebApplication _kestrel;
    private readonly KafkaServer _server;

    private KafkaEndpoint(WebApplication kestrel, KafkaServer server, string bootstrapServers)
    {
        _kestrel = kestrel;
        _server = server;
        BootstrapServers = bootstrapServers;
    }

    /// <summary>What clients are configured with: host and port, the real one when the options left it open.</summary>
    public string BootstrapServers { get; }

    /// <summary>The connections that are open.</summary>
    public int ConnectionCount => _server.Connections.Count;

    /// <summary>What Kestrel receives into and sends from.</summary>
    internal IMemoryPoolFactory<byte> MemoryPools => _kestrel.Services.GetRequiredService<IMemoryPoolFactory<byte>>();

    /// <summary>Begins to listen.</summary>
    /// <param name="broker">The broker to serve.</param>
    /// <param name="options">Where and how; null for 127.0.0.1:9092.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <exception cref="InvalidRequestException">An option is not valid, or would open the broker to a network without TLS and authentication.</exception>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<KafkaEndpoint> StartAsync(Broker broker, KafkaEndpointOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(broker);
        options ??= new KafkaEndpointOptions();
        options.Validate();
        options.RequireSafe(options.Address);
        var server = new KafkaServer(broker, options);
        var kestrel = Build(server);
        try
        {
            await kestrel.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            await kestrel.DisposeAsync().ConfigureAwait(false);
            // Kestrel speaks of an http address, which nobody here has typed.
            if (exception is IOException { InnerException: AddressInUseException })
            {
                var way = "stop that one, or choose another port (0 picks a free one)";
                throw new IOException($"Port {options.Port} of {options.Address} is taken by another program: {way}.", exception);
            }
            throw;
        }
        var port = PortOf(kestrel);
        var isAny = options.Address.Equals(IPAddress.Any) || options.Address.Equals(IPAddress.IPv6Any);
        var host = options.AdvertisedHost ?? (isAny ? "localhost" : Bracketed(options.Address));
        var endpoint = new KafkaEndpoint(kestrel, server, $"{host}:{options.AdvertisedPort ?? port}");
        EndpointLog.Listening(server.Logger, endpoint.BootstrapServers);
        return endpoint;
    }

    /// <summary>Stops: answers what is being answered, sends waiting fetches home, and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _kestrel.StopAsync().ConfigureAwait(false);
        await _kestrel.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>A Kestrel with nothing else in it: no configuration is read, no signal is listened to, no HTTP is spoken.</summary>
    private static WebApplication Build(KafkaServer server)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(server.Backend.LoggerFactory);
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        builder.WebHost.UseKestrelCore();
        // Behind Kestrel's own, whose blocks of 4 KiB take a call to the system each.
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, FramePoolFactory>();
        if (server.Options.Tls is not null)
            builder.WebHost.UseKestrelHttpsConfiguration();
        // So much of an answer lies ready for a client, and no more for one that does not read.
        builder.WebHost.UseSockets(sockets => sockets.MaxWriteBufferSize = 2 * FrameOutput.FlushBytes);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Many clients resolve "localhost" to ::1 first, and some try nothing else. A port that is picked is told in the bootstrap servers, with its
            // address.
            if (server.Options.Address.Equals(IPAddress.Loopback) && server.Options.Port != 0)
                kestrel.ListenLocalhost(server.Options.Port, listen => listen.ServeKafka(server));
            else
                kestrel.Listen(server.Options.Address, server.Options.Port, listen => listen.ServeKafka(server));
        });
        return builder.Build();
    }

    private static int PortOf(WebApplication kestrel)
    {
        var addresses = kestrel.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        return BindingAddress.Parse(addresses.First()).Port;
    }

    private static string Bracketed(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();

    /// <summary>Ctrl-C and SIGTERM are the host's affair, not ours.</summary>
    private sealed class EmbeddedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
