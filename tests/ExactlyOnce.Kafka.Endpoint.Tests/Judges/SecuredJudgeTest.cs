using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using ExactlyOnce.Kafka.Endpoint.Tests.Security;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Judges;

/// <summary>
/// The same through TLS and a login by SCRAM: the client checks the certificate, and knows nothing but what it is configured with. What the tests themselves
/// look at they see through an endpoint beside it.
/// </summary>
public abstract class SecuredJudgeTest(string client) : JudgeTest(client)
{
    private const string User = "judge";
    private const string Password = "secret";

    private readonly string _folder = Directory.CreateTempSubdirectory("eo-judge-").FullName;
    private readonly X509Certificate2 _certificate = TestCertificates.Create("localhost");
    private readonly string _client = client;
    private KafkaEndpoint _secured = null!;

    private string AuthorityPath => Path.Combine(_folder, "ca.pem");

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await File.WriteAllTextAsync(AuthorityPath, _certificate.ExportCertificatePem());
        _secured = await KafkaEndpoint.StartAsync(Broker, new KafkaEndpointOptions
        {
            Port = 0,
            Tls = new SslServerAuthenticationOptions { ServerCertificate = _certificate },
            Sasl = SaslMechanisms.ScramSha256 | SaslMechanisms.ScramSha512,
            Users = { [User] = Password },
            SuperUsers = { $"User:{User}" },
        });
    }

    public override async Task DisposeAsync()
    {
        await _secured.DisposeAsync();
        await base.DisposeAsync();
        _certificate.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private protected override JudgeRun Start(params string[] scenario) => Judge.Of(_client).Start(_secured.BootstrapServers, scenario, _client == Judge.Kcat
        ? ("KCAT_CONFIG", WriteProperties())
        : ("JUDGE_SECURITY", JsonSerializer.Serialize(Settings())));

    /// <summary>In the client's own words.</summary>
    private object Settings() => _client switch
    {
        Judge.KafkaPython => new { security_protocol = "SASL_SSL", sasl_mechanism = "SCRAM-SHA-512", sasl_plain_username = User, sasl_plain_password = Password, ssl_cafile = AuthorityPath },
        Judge.KafkaJs => new { ssl = new { ca = Authorities }, sasl = new { mechanism = "scram-sha-256", username = User, password = Password } },
        Judge.Platformatic => new { tls = new { ca = Authorities }, sasl = new { mechanism = "SCRAM-SHA-512", username = User, password = Password } },
        _ => Properties("SCRAM-SHA-512"),
    };

    private string[] Authorities => [_certificate.ExportCertificatePem()];

    /// <summary>librdkafka's.</summary>
    private Dictionary<string, string> Properties(string mechanism) => new()
    {
        ["security.protocol"] = "SASL_SSL",
        ["sasl.mechanism"] = mechanism,
        ["sasl.username"] = User,
        ["sasl.password"] = Password,
        ["ssl.ca.location"] = AuthorityPath,
    };

    private string WriteProperties()
    {
        var path = Path.Combine(_folder, "kcat.conf");
        File.WriteAllLines(path, Properties("SCRAM-SHA-256").Select(property => $"{property.Key}={property.Value}"));
        return path;
    }
}
