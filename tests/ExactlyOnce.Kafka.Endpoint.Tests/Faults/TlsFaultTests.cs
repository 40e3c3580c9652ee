using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kafka.Endpoint.Tests.Security;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

/// <summary>What may come instead of a handshake, in the middle of one and behind it.</summary>
public sealed class TlsFaultTests : IAsyncLifetime
{
    private readonly Broker _broker = Broker.CreateInMemory();
    private readonly X509Certificate2 _certificate = TestCertificates.Create("localhost");
    private KafkaEndpoint _endpoint = null!;

    public static TheoryData<string, byte[]> NoHellos => new()
    {
        { "HTTP", Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") },
        { "zeros", new byte[512] },
        { "the longest record there could be", [0x16, 0x03, 0x01, 0xFF, 0xFF, .. new byte[65_535]] },
        { "an alert", [0x15, 0x03, 0x03, 0, 2, 2, 40] },
        { "records of data before any handshake", [0x17, 0x03, 0x03, 0, 16, .. new byte[16]] },
        { "a hello of 1995", [0x80, 0x2E, 0x01, 0x00, 0x02, 0, 0x15, 0, 0, 0, 0x10, .. new byte[37]] },
        { "a hello whose length is a lie", [0x16, 0x03, 0x01, 0, 8, 0x01, 0xFF, 0xFF, 0xFF, 3, 3, 0, 0] },
        { "a Kafka request", [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF] },
    };

    public async Task InitializeAsync() => _endpoint = await StartAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate });

    public async Task DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        await _broker.DisposeAsync();
        _certificate.Dispose();
    }

    [Theory, MemberData(nameof(NoHellos))]
    public async Task What_is_no_hello_is_answered_by_no_Kafka_and_closed(string what, byte[] bytes)
    {
        using var tcp = Dial();
        await tcp.GetStream().WriteAsync(bytes);

        var answered = await ReadToEndAsync(tcp);

        // TLS itself may complain before it hangs up: a record of the type alert.
        (answered.Length == 0 || answered[0] == 0x15).Should().BeTrue("{0} gets {1} bytes", what, answered.Length);
        await ShouldServeAsync();
    }

    [Fact]
    public async Task A_hello_on_a_port_without_TLS_is_a_request_that_is_too_long()
    {
        await using var plain = await KafkaEndpoint.StartAsync(_broker, new KafkaEndpointOptions { Port = 0 });
        using var tcp = Dial(plain);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, presented, _, _) => presented is not null);

        await FluentActions.Awaiting(() => tls.AuthenticateAsClientAsync("localhost").WaitAsync(TimeSpan.FromSeconds(20))).Should().ThrowAsync<IOException>();

        plain.ConnectionCount.Should().Be(0);
    }

    [Theory]
    [InlineData(0), InlineData(1), InlineData(3), InlineData(60)]
    public async Task A_handshake_that_does_not_go_on_is_closed_when_its_time_is_up(int bytes)
    {
        using var tcp = Dial();
        // The beginning of a hello that announces two hundred bytes.
        byte[] hello = [0x16, 0x03, 0x01, 0, 200, 0x01, 0, 0, 196, 3, 3, .. new byte[194]];
        await tcp.GetStream().WriteAsync(hello.AsMemory(0, bytes));

        await ReadToEndAsync(tcp);
        await ShouldServeAsync();
    }

    [Fact]
    public async Task A_handshake_followed_by_silence_is_closed_when_its_time_is_up()
    {
        using var client = await ConnectAsync();

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task A_connection_that_breaks_in_the_middle_of_a_record_is_forgotten()
    {
        using (var tcp = Dial())
        {
            var tls = new SslStream(tcp.GetStream(), false, (_, presented, _, _) => presented is not null);
            await tls.AuthenticateAsClientAsync("localhost");
            using var client = new RawClient(tcp, tls);
            await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
            // A record that announces more than comes.
            await tcp.GetStream().WriteAsync(new byte[] { 0x17, 0x03, 0x03, 0x10, 0, 1, 2, 3 });
        }

        for (var patience = 2000; patience > 0 && _endpoint.ConnectionCount > 0; patience--)
            await Task.Delay(10);
        _endpoint.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task Whatever_a_client_offers_to_speak_inside_TLS_it_is_served()
    {
        using var client = await ConnectAsync(new SslClientAuthenticationOptions { ApplicationProtocols = [SslApplicationProtocol.Http2, new("kafka")] });

        (await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task A_certificate_that_was_changed_is_shown_to_the_next_connection_and_the_old_ones_go_on()
    {
        using var renewed = TestCertificates.Create("localhost");
        var current = _certificate;
        await using var endpoint = await StartAsync(new SslServerAuthenticationOptions { ServerCertificateSelectionCallback = (_, _) => current });
        using var early = await ConnectAsync(to: endpoint, expected: _certificate);

        current = renewed;

        using var late = await ConnectAsync(to: endpoint, expected: renewed);
        foreach (var client in new[] { early, late })
            (await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task A_client_certificate_that_has_expired_lets_nobody_in(bool hasExpired)
    {
        using var certificate = TestCertificates.Create("client", hasExpired ? DateTimeOffset.UtcNow.AddHours(-1) : null);
        await using var endpoint = await StartAsync(new SslServerAuthenticationOptions
        {
            ServerCertificate = _certificate,
            ClientCertificateRequired = true,
            CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { certificate }, RevocationMode = X509RevocationMode.NoCheck },
        });

        var calling = async () =>
        {
            // In TLS 1.3 a client is through before the server has looked at it.
            using var client = await ConnectAsync(new SslClientAuthenticationOptions { ClientCertificates = [certificate] }, endpoint);
            return await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        };

        if (hasExpired)
            await calling.Should().ThrowAsync<IOException>();
        else
            (await calling()).ErrorCode.Should().Be(KafkaError.None);
    }

    private Task<KafkaEndpoint> StartAsync(SslServerAuthenticationOptions tls) =>
        KafkaEndpoint.StartAsync(_broker, new KafkaEndpointOptions { Port = 0, Tls = tls, LoginTimeout = TimeSpan.FromSeconds(1.5) });

    private TcpClient Dial(KafkaEndpoint? to = null)
    {
        var tcp = new TcpClient { NoDelay = true };
        tcp.Connect(IPEndPoint.Parse((to ?? _endpoint).BootstrapServers));
        return tcp;
    }

    private async Task<RawClient> ConnectAsync(SslClientAuthenticationOptions? options = null, KafkaEndpoint? to = null, X509Certificate2? expected = null)
    {
        var tcp = Dial(to);
        var tls = new SslStream(tcp.GetStream());
        options ??= new SslClientAuthenticationOptions();
        options.TargetHost = "localhost";
        options.RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == (expected ?? _certificate).GetCertHashString();
        await tls.AuthenticateAsClientAsync(options);
        return new RawClient(tcp, tls);
    }

    private async Task ShouldServeAsync()
    {
        using var client = await ConnectAsync();
        (await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
    }

    private static async Task<byte[]> ReadToEndAsync(TcpClient tcp)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var all = new MemoryStream();
        try
        {
            await tcp.GetStream().CopyToAsync(all, patience.Token);
        }
        catch (IOException)
        {
            // Reset: closed as well.
        }
        return all.ToArray();
    }
}
