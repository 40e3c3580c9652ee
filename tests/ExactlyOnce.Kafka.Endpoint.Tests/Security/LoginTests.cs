using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Text;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

public sealed class LoginTests : EndpointTest
{
    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(300);

    private protected override KafkaEndpointOptions Options() => new()
    {
        Port = 0,
        Sasl = SaslMechanisms.Plain | SaslMechanisms.ScramSha256,
        Users = { ["alice"] = "secret" },
        SuperUsers = { "User:alice" },
        FailedLoginDelay = s_delay,
        LoginTimeout = TimeSpan.FromSeconds(2),
        MaxRequestBytesBeforeLogin = 1024,
    };

    public static TheoryData<string> OtherApis => [.. ApiRegistry.All.Where(api => api.Key is not (17 or 18 or 36)).Select(api => api.Name)];

    [Theory, MemberData(nameof(OtherApis))]
    public async Task Before_the_login_nothing_else_is_answered(string name)
    {
        var api = ApiRegistry.All.Single(api => api.Name == name);
        var client = Connect();

        await client.SendAsync(api.Max, api.NewRequest());

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task After_the_login_everything_is()
    {
        var client = Connect();
        await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        (await client.LoginAsync("alice", "secret")).Should().Be(KafkaError.None);

        (await client.CallAsync<MetadataResponse>(12, new MetadataRequest { Topics = null })).Brokers.Should().ContainSingle();
        (await client.CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "PLAIN" })).ErrorCode.Should().Be(KafkaError.IllegalSaslState);
    }

    [Theory]
    [InlineData("alice", "wrong"), InlineData("bob", "secret"), InlineData("", "")]
    public async Task A_wrong_password_or_user_is_told_alike_and_late_and_the_connection_is_closed(string user, string password)
    {
        var client = Connect();
        var began = Stopwatch.GetTimestamp();

        (await client.LoginAsync(user, password)).Should().Be(KafkaError.SaslAuthenticationFailed);

        Stopwatch.GetElapsedTime(began).Should().BeGreaterThan(s_delay - TimeSpan.FromMilliseconds(20));
        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task A_mechanism_that_is_not_offered_is_refused_with_the_list()
    {
        var answer = await Connect().CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "SCRAM-SHA-512" });

        answer.ErrorCode.Should().Be(KafkaError.UnsupportedSaslMechanism);
        answer.Mechanisms.Should().Equal("PLAIN", "SCRAM-SHA-256");
    }

    [Fact]
    public async Task Tokens_before_a_mechanism_is_chosen_end_the_connection()
    {
        var client = Connect();

        (await client.CallAsync<SaslAuthenticateResponse>(1, new SaslAuthenticateRequest { AuthBytes = [0, 97, 0, 97] })).ErrorCode.Should().Be(KafkaError.IllegalSaslState);
        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Nothing_but_tokens_may_follow_the_choice()
    {
        var client = Connect();
        await client.CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "PLAIN" });

        await client.SendAsync(0, new ApiVersionsRequest());

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Old_clients_send_their_tokens_without_headers()
    {
        var client = Connect();
        await client.CallAsync<SaslHandshakeResponse>(0, new SaslHandshakeRequest { Mechanism = "PLAIN" });
        byte[] token = [.. "\0alice\0secret"u8];
        await client.SendAsync([0, 0, 0, (byte)token.Length, .. token]);

        (await client.ReadFrameAsync()).Should().BeEmpty();
        (await client.CallAsync<MetadataResponse>(1, new MetadataRequest { Topics = null })).Brokers.Should().ContainSingle();
    }

    [Fact]
    public async Task A_raw_token_that_is_wrong_closes_the_connection()
    {
        var client = Connect();
        await client.CallAsync<SaslHandshakeResponse>(0, new SaslHandshakeRequest { Mechanism = "PLAIN" });
        byte[] token = [.. "\0alice\0wrong!"u8];
        await client.SendAsync([0, 0, 0, (byte)token.Length, .. token]);

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task A_large_request_is_for_those_who_have_logged_in()
    {
        var request = new ApiVersionsRequest { ClientSoftwareName = new string('x', 2000), ClientSoftwareVersion = "1" };
        var (stranger, friend) = (Connect(), Connect());
        await friend.LoginAsync("alice", "secret");

        await stranger.SendAsync(3, request);
        await stranger.ShouldBeClosedAsync();
        (await friend.CallAsync<ApiVersionsResponse>(3, request)).ApiKeys.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Requests_do_not_buy_time_for_a_login()
    {
        var client = Connect();
        var began = Stopwatch.GetTimestamp();
        try
        {
            while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(15))
            {
                await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
                await Task.Delay(50);
            }
        }
        catch (IOException)
        {
        }

        Stopwatch.GetElapsedTime(began).Should().BeLessThan(TimeSpan.FromSeconds(10), "two seconds are given");
    }

    [Fact]
    public async Task The_beginning_of_another_request_buys_no_time_for_a_login()
    {
        var client = Connect();
        await client.SendAsync([.. client.FrameOf(0, new ApiVersionsRequest()), 0]);
        await client.ReadAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Whoever_chooses_a_mechanism_and_falls_silent_is_closed()
    {
        var client = Connect();
        await client.CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "PLAIN" });

        await client.ShouldBeClosedAsync();
    }

    [Theory]
    [InlineData("Sasl is missing"), InlineData("PLAIN for nobody"), InlineData("empty password"), InlineData("super user without login"), InlineData("super user misspelt")]
    public async Task Half_an_authentication_does_not_start(string half)
    {
        var options = half switch
        {
            "Sasl is missing" => new KafkaEndpointOptions { Users = { ["a"] = "b" } },
            "PLAIN for nobody" => new KafkaEndpointOptions { Sasl = SaslMechanisms.Plain },
            "empty password" => new KafkaEndpointOptions { Sasl = SaslMechanisms.Plain, Users = { ["a"] = "" } },
            "super user without login" => new KafkaEndpointOptions { SuperUsers = { "User:a" } },
            _ => new KafkaEndpointOptions { Sasl = SaslMechanisms.ScramSha256, SuperUsers = { "a" } },
        };
        options.Port = 0;

        await FluentActions.Awaiting(() => KafkaEndpoint.StartAsync(Broker, options)).Should().ThrowAsync<InvalidRequestException>();
    }

    [Fact]
    public async Task An_address_that_others_reach_takes_TLS_and_a_login_and_PLAIN_takes_TLS_even_where_insecurity_is_allowed()
    {
        using var certificate = TestCertificates.Create("localhost");
        var tls = new SslServerAuthenticationOptions { ServerCertificate = certificate };
        KafkaEndpointOptions Open(SslServerAuthenticationOptions? tls, SaslMechanisms sasl, bool allowed = false) =>
            new() { Port = 0, Address = IPAddress.Any, Tls = tls, Sasl = sasl, AllowInsecureNetwork = allowed };
        KafkaEndpointOptions WithUser(KafkaEndpointOptions options)
        {
            options.Users["alice"] = "secret";
            return options;
        }

        foreach (var options in new[]
        {
            Open(null, SaslMechanisms.None), Open(tls, SaslMechanisms.None), WithUser(Open(null, SaslMechanisms.ScramSha512)), WithUser(Open(null, SaslMechanisms.Plain, allowed: true)),
        })
            await FluentActions.Awaiting(() => KafkaEndpoint.StartAsync(Broker, options)).Should().ThrowAsync<InvalidRequestException>();
        await using var both = await KafkaEndpoint.StartAsync(Broker, WithUser(Open(tls, SaslMechanisms.Plain)));
        await using var allowed = await KafkaEndpoint.StartAsync(Broker, Open(null, SaslMechanisms.None, allowed: true));
    }
}
