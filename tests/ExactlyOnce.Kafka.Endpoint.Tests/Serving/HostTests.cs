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
        var stream = new SslStream(tcp.GetStream(), false, (_, _, _, _) => true);
        await stream.AuthenticateAsClientAsync("localhost");
        using var client = new RawClient(tcp, stream);

        (await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
