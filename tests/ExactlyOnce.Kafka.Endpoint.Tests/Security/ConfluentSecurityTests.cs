using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;
using Confluent.Kafka.Admin;

/// <summary>Judged by librdkafka: logins, TLS, certificates, rules.</summary>
public sealed class ConfluentSecurityTests : IAsyncLifetime
{
    /// <summary>librdkafka knows it; its enumeration for .NET does not.</summary>
    private const ResourceType TransactionalId = (ResourceType)5;

    private static UserScramCredentialUpsertion Upsertion => new()
    {
        User = "carol",
        ScramCredentialInfo = new ScramCredentialInfo { Mechanism = ScramMechanism.ScramSha256, Iterations = 5000 },
        Password = "of carol"u8.ToArray(),
        Salt = "a salt of hers"u8.ToArray(),
    };

    private readonly Broker _broker = Broker.CreateInMemory();
    private readonly X509Certificate2 _server = TestCertificates.Create("localhost");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _broker.DisposeAsync();
        _server.Dispose();
    }

    [Theory]
    [InlineData(SaslMechanism.Plain, false), InlineData(SaslMechanism.Plain, true), InlineData(SaslMechanism.ScramSha256, false), InlineData(SaslMechanism.ScramSha256, true)]
    [InlineData(SaslMechanism.ScramSha512, false), InlineData(SaslMechanism.ScramSha512, true)]
    public async Task A_client_logs_in_and_produces_and_consumes(SaslMechanism mechanism, bool isTls)
    {
        await using var endpoint = await KafkaEndpoint.StartAsync(_broker, Options(isTls));
        await _broker.Admin.CreateTopicAsync("t");
        ClientConfig OfRoot() => Config(endpoint, mechanism, "root", "secret", isTls);
        using (var producer = new ProducerBuilder<Null, string>(new ProducerConfig(OfRoot()) { MessageTimeoutMs = 20_000 }).Build())
            await producer.ProduceAsync("t", new Message<Null, string> { Value = "hello" });

        using var consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig(OfRoot()) { GroupId = "g", AutoOffsetReset = AutoOffsetReset.Earliest }).Build();
        consumer.Subscribe("t");

        consumer.Consume(TimeSpan.FromSeconds(20)).Message.Value.Should().Be("hello");
        consumer.Close();
    }

    [Theory]
    [InlineData(SaslMechanism.Plain), InlineData(SaslMechanism.ScramSha256), InlineData(SaslMechanism.ScramSha512)]
    public async Task A_wrong_password_is_an_authentication_error(SaslMechanism mechanism)
    {
        await using var endpoint = await KafkaEndpoint.StartAsync(_broker, Options(isTls: false));
        var failed = new TaskCompletionSource<Error>();
        using var producer = new ProducerBuilder<Null, string>(Config(endpoint, mechanism, "root", "wrong", isTls: false))
            .SetErrorHandler((_, error) =>
            {
                if (error.Code is not (ErrorCode.Local_AllBrokersDown or ErrorCode.Local_Transport))
                    failed.TrySetResult(error);
            })
            .SetLogHandler((_, _) => { })
            .Build();

        (await failed.Task.WaitAsync(TimeSpan.FromSeconds(20))).Code.Should().Be(ErrorCode.Local_Authentication);
    }

    [Fact]
    public async Task A_user_and_his_rules_come_over_the_wire_and_he_may_what_they_say_and_no_more()
    {
        await using var endpoint = await KafkaEndpoint.StartAsync(_broker, Options(isTls: false));
        await _broker.Admin.CreateTopicAsync("orders");
        await _broker.Admin.CreateTopicAsync("secrets");
        using var admin = new AdminClientBuilder(Config(endpoint, SaslMechanism.ScramSha512, "root", "secret", isTls: false)).Build();
        await admin.AlterUserScramCredentialsAsync([Upsertion]);
        await admin.CreateAclsAsync(
        [
            Acl(ResourceType.Topic, "order", ResourcePatternType.Prefixed, AclOperation.Write), Acl(ResourceType.Topic, "orders", ResourcePatternType.Literal, AclOperation.Read),
            Acl(ResourceType.Group, "g", ResourcePatternType.Literal, AclOperation.Read), Acl(TransactionalId, "tx", ResourcePatternType.Literal, AclOperation.All),
        ]);
        // A configuration made from another shares its properties.
        ClientConfig OfCarol() => Config(endpoint, SaslMechanism.ScramSha256, "carol", "of carol", isTls: false);

        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig(OfCarol()) { TransactionalId = "tx", TransactionTimeoutMs = 20_000 }).Build();
        producer.InitTransactions(TimeSpan.FromSeconds(20));
        producer.BeginTransaction();
        await producer.ProduceAsync("orders", new Message<Null, string> { Value = "allowed" });
        producer.CommitTransaction();
        using var consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig(OfCarol()) { GroupId = "g", AutoOffsetReset = AutoOffsetReset.Earliest }).Build();
        consumer.Subscribe("orders");
        consumer.Consume(TimeSpan.FromSeconds(20)).Message.Value.Should().Be("allowed");
        consumer.Close();

        using var idempotent = new ProducerBuilder<Null, string>(new ProducerConfig(OfCarol()) { EnableIdempotence = true, MessageTimeoutMs = 20_000 }).Build();
        (await idempotent.ProduceAsync("orders", new Message<Null, string> { Value = "allowed" })).Status.Should().Be(PersistenceStatus.Persisted);
        (await idempotent.Awaiting(it => it.ProduceAsync("secrets", new Message<Null, string> { Value = "x" })).Should().ThrowAsync<ProduceException<Null, string>>())
            .Which.Error.Code.Should().Be(ErrorCode.TopicAuthorizationFailed);
        using var other = new ConsumerBuilder<Ignore, string>(new ConsumerConfig(OfCarol()) { GroupId = "other" }).Build();
        other.Subscribe("orders");
        other.Invoking(it => it.Consume(TimeSpan.FromSeconds(20))).Should().Throw<ConsumeException>().Which.Error.Code.Should().Be(ErrorCode.GroupAuthorizationFailed);
    }

    [Fact]
    public async Task Rules_and_users_are_listed_and_removed_by_the_admin_client()
    {
        await using var endpoint = await KafkaEndpoint.StartAsync(_broker, Options(isTls: false));
        using var admin = new AdminClientBuilder(Config(endpoint, SaslMechanism.Plain, "root", "secret", isTls: false)).Build();
        var rule = Acl(ResourceType.Topic, "t", ResourcePatternType.Literal, AclOperation.Read);
        await admin.CreateAclsAsync([rule]);
        await admin.AlterUserScramCredentialsAsync([Upsertion]);
        var filter = rule.ToFilter();

        (await admin.DescribeAclsAsync(filter)).AclBindings.Should().Equal(rule);
        (await admin.DeleteAclsAsync([filter])).Single().AclBindings.Should().Equal(rule);
        (await admin.DescribeAclsAsync(filter)).AclBindings.Should().BeEmpty();
        (await admin.DescribeUserScramCredentialsAsync(["carol"])).UserScramCredentialsDescriptions.Single().ScramCredentialInfos.Single().Iterations.Should().Be(5000);
    }

    [Fact]
    public async Task A_client_certificate_says_who_it_is_and_without_one_nobody_gets_in()
    {
        using var client = TestCertificates.Create("service");
        using var stranger = TestCertificates.Create("stranger");
        var options = new KafkaEndpointOptions
        {
            Port = 0,
            SuperUsers = { "User:CN=service" },
            Tls = new SslServerAuthenticationOptions
            {
                ServerCertificate = _server,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, presented, _, _) => presented is not null,
            },
        };
        await using var endpoint = await KafkaEndpoint.StartAsync(_broker, options);
        await _broker.Admin.CreateTopicAsync("t");

        (await ProduceAsync(endpoint, client)).Should().Be(ErrorCode.NoError);
        (await ProduceAsync(endpoint, stranger)).Should().Be(ErrorCode.TopicAuthorizationFailed);
        (await ProduceAsync(endpoint, null)).Should().Be(ErrorCode.Local_MsgTimedOut);
    }

    private async Task<ErrorCode> ProduceAsync(KafkaEndpoint endpoint, X509Certificate2? certificate)
    {
        var config = new ProducerConfig
        {
            BootstrapServers = endpoint.BootstrapServers.Replace("127.0.0.1", "localhost"),
            BrokerAddressFamily = BrokerAddressFamily.V4,
            SecurityProtocol = SecurityProtocol.Ssl,
            SslCaPem = _server.ExportCertificatePem(),
            SslCertificatePem = certificate?.ExportCertificatePem(),
            SslKeyPem = certificate?.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(),
            MessageTimeoutMs = certificate is null ? 3000 : 20_000,
        };
        using var producer = new ProducerBuilder<Null, string>(config).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        try
        {
            await producer.ProduceAsync("t", new Message<Null, string> { Value = "x" });
            return ErrorCode.NoError;
        }
        catch (ProduceException<Null, string> exception)
        {
            return exception.Error.Code;
        }
    }

    private KafkaEndpointOptions Options(bool isTls) => new()
    {
        Port = 0,
        // The name in the certificate.
        AdvertisedHost = isTls ? "localhost" : null,
        Sasl = SaslMechanisms.Plain | SaslMechanisms.ScramSha256 | SaslMechanisms.ScramSha512,
        Users = { ["root"] = "secret" },
        SuperUsers = { "User:root" },
        Tls = isTls ? new SslServerAuthenticationOptions { ServerCertificate = _server } : null,
    };

    private ClientConfig Config(KafkaEndpoint endpoint, SaslMechanism mechanism, string user, string password, bool isTls) => new()
    {
        BootstrapServers = endpoint.BootstrapServers,
        BrokerAddressFamily = BrokerAddressFamily.V4,
        SecurityProtocol = isTls ? SecurityProtocol.SaslSsl : SecurityProtocol.SaslPlaintext,
        SslCaPem = isTls ? _server.ExportCertificatePem() : null,
        SaslMechanism = mechanism,
        SaslUsername = user,
        SaslPassword = password,
    };

    private static AclBinding Acl(ResourceType type, string name, ResourcePatternType pattern, AclOperation operation) => new()
    {
        Pattern = new ResourcePattern { Type = type, Name = name, ResourcePatternType = pattern },
        Entry = new AccessControlEntry { Principal = "User:carol", Host = "*", Operation = operation, PermissionType = AclPermissionType.Allow },
    };
}
