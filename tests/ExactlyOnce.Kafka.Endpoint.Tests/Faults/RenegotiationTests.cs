using System.Diagnostics;
using System.Net.Security;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kafka.Endpoint.Tests.Security;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

/// <summary>A second handshake within TLS 1.2, which costs a server much and a client nothing. No .NET client can ask for one; OpenSSL's can.</summary>
public sealed class RenegotiationTests : EndpointTest
{
    private const string OpenSsl = "openssl";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private protected override KafkaEndpointOptions Options() => new()
    {
        Port = 0,
        Tls = new SslServerAuthenticationOptions { ServerCertificate = TestCertificates.Create("localhost") },
        LoginTimeout = s_patience * 3,
    };

    [ProgramFact(OpenSsl)]
    public async Task A_client_that_asks_for_a_second_handshake_gets_none_and_no_longer_a_connection()
    {
        using var client = Process.Start(new ProcessStartInfo(OpenSsl, ["s_client", "-connect", Endpoint.BootstrapServers, "-tls1_2"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, errors) = (client.StandardOutput.ReadToEndAsync(), client.StandardError.ReadToEndAsync());
        await EventuallyAsync(() => Endpoint.ConnectionCount == 1);

        // A line of this one letter asks for it.
        await client.StandardInput.WriteLineAsync("R");
        await client.StandardInput.FlushAsync();

        using var patience = new CancellationTokenSource(s_patience);
        await client.WaitForExitAsync(patience.Token);
        (await output + await errors).Should().Contain("Secure Renegotiation IS supported").And.Contain("RENEGOTIATING");
        client.ExitCode.Should().NotBe(0, "it was hung up on");
        await EventuallyAsync(() => Endpoint.ConnectionCount == 0);
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        for (var patience = 2000; patience > 0 && !condition(); patience--)
            await Task.Delay(10);
        condition().Should().BeTrue();
    }
}

/// <summary>A fact that needs a program, and says so where it is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ProgramFactAttribute : FactAttribute
{
    public ProgramFactAttribute(string program)
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program))))
            Skip = $"It takes {program}: install it.";
    }
}
