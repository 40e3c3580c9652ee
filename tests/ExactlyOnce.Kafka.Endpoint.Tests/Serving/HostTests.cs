using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

/// <summary>The other ways to be served: from a host's own Kestrel, and through TLS.</summary>
public sealed class HostTests
{
    [Fact]
    public async Task A_hosts_own_Kestrel_serves_the_broker_of_its_services()
    {
        await using var broker = Broker.CreateInMemory();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(broker);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseKafka()));
        await using var host = builder.Build();
        await host.StartAsync();

        using var client = new RawClient(new Uri(host.Urls.Single()).Authority);

        (await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
        await host.StopAsync();
    }

    [Fact]
    public async Task With_TLS_the_port_speaks_nothing_else()
    {
        await using var broker = Broker.CreateInMemory();
        using var certificate = CreateCertificate();
        var tls = new SslServerAuthenticationOptions { ServerCertificate = certificate };
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0, Tls = tls });

        using var plain = new RawClient(endpoint);
        await plain.SendAsync(0, new ApiVersionsRequest());
        await plain.ShouldBeClosedAsync();
        using var tcp = new TcpClient();
        tcp.Connect(IPEndPoint.Parse(endpoint.BootstrapServers));
        var stream = new SslStream(tcp.GetStream(), false, (_, presented, _, _) => presented?.GetCertHashString() == certificate.GetCertHashString());
        await stream.AuthenticateAsClientAsync("localhost");
        using var client = new RawClient(tcp, stream);

        (await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task On_a_given_port_localhost_is_served_by_either_of_its_addresses()
    {
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = FreePort() });
        var port = IPEndPoint.Parse(endpoint.BootstrapServers).Port;

        foreach (var address in Socket.OSSupportsIPv6 ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : new[] { IPAddress.Loopback })
        {
            using var client = new RawClient(new IPEndPoint(address, port).ToString());
            var metadata = await client.CallAsync<MetadataResponse>(9, new MetadataRequest());

            metadata.Brokers.Single().Should().BeEquivalentTo(new { Host = address.ToString(), Port = port }, "a client goes on where it has come in");
        }
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said_to_be_in_words_of_the_options()
    {
        await using var broker = Broker.CreateInMemory();
        await using var first = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        var port = IPEndPoint.Parse(first.BootstrapServers).Port;

        (await FluentActions.Awaiting(() => KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = port })).Should().ThrowAsync<IOException>())
            .Which.Message.Should().StartWith($"Port {port} of 127.0.0.1 is taken").And.NotContain("http");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
