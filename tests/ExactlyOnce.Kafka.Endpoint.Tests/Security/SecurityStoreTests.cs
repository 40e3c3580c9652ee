using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

/// <summary>Users and rules over the wire, and over a restart.</summary>
public sealed class SecurityStoreTests : IDisposable
{
    private static readonly byte[] s_salt = [1, 2, 3, 4, 5, 6, 7, 8];

    private readonly string _directory = Directory.CreateTempSubdirectory("eo-security-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Users_and_rules_survive_a_restart_and_what_was_removed_stays_removed()
    {
        await using (var broker = await Broker.OpenAsync(_directory))
        await using (var endpoint = await KafkaEndpoint.StartAsync(broker, Options()))
        {
            using var root = await LoginAsync(endpoint, "root");
            foreach (var user in new[] { "kept", "gone" })
                (await root.CallAsync<AlterUserScramCredentialsResponse>(0, Upsert(user))).Results.Single().ErrorCode.Should().Be(KafkaError.None);
            (await root.CallAsync<CreateAclsResponse>(3, Creation("kept"))).Results.Single().ErrorCode.Should().Be(KafkaError.None);
            (await root.CallAsync<CreateAclsResponse>(3, Creation("gone"))).Results.Single().ErrorCode.Should().Be(KafkaError.None);
            var removal = new AlterUserScramCredentialsRequest { Deletions = [new() { Name = "gone", Mechanism = 1 }] };
            (await root.CallAsync<AlterUserScramCredentialsResponse>(0, removal)).Results.Single().ErrorCode.Should().Be(KafkaError.None);
            var deleted = await root.CallAsync<DeleteAclsResponse>(3, new DeleteAclsRequest
            {
                Filters = [new() { ResourceTypeFilter = 1, PatternTypeFilter = 1, PrincipalFilter = "User:gone", Operation = 1, PermissionType = 1 }],
            });
            deleted.FilterResults.Single().MatchingAcls.Should().ContainSingle().Which.ResourceName.Should().Be("t");
        }

        await using var again = await Broker.OpenAsync(_directory);
        await using var reopened = await KafkaEndpoint.StartAsync(again, Options());
        using var client = await LoginAsync(reopened, "root");
        var users = await client.CallAsync<DescribeUserScramCredentialsResponse>(0, new DescribeUserScramCredentialsRequest());
        var rules = await client.CallAsync<DescribeAclsResponse>(3, new DescribeAclsRequest { ResourceTypeFilter = 1, PatternTypeFilter = 1, Operation = 1, PermissionType = 1 });

        users.Results.Should().ContainSingle().Which.Should().BeEquivalentTo(new { User = "kept", CredentialInfos = new[] { new { Mechanism = 1, Iterations = 4096 } } });
        rules.Resources.Should().ContainSingle().Which.Should().BeEquivalentTo(new
        {
            ResourceType = 2,
            ResourceName = "t",
            PatternType = 4,
            Acls = new[] { new { Principal = "User:kept", Host = "*", Operation = 3, PermissionType = 3 } },
        });
        SecurityStore.Of(again).State.Users.Values.Single().Salt.Should().Equal(s_salt);
    }

    [Fact]
    public async Task Changes_of_one_user_are_one_record_and_leave_his_other_mechanism_alone()
    {
        await using var broker = await Broker.OpenAsync(_directory);
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, Options());
        using var root = await LoginAsync(endpoint, "root");
        var both = Upsert("bob");
        both.Upsertions = [.. both.Upsertions, new() { Name = "bob", Mechanism = 2, Iterations = 8000, Salt = s_salt, SaltedPassword = new byte[64] }];
        var swap = new AlterUserScramCredentialsRequest { Deletions = [new() { Name = "bob", Mechanism = 1 }] };

        (await root.CallAsync<AlterUserScramCredentialsResponse>(0, both)).Results.Should().ContainSingle().Which.ErrorCode.Should().Be(KafkaError.None);
        SecurityStore.Of(broker).State.CredentialsOf("bob").Keys.Should().BeEquivalentTo([(sbyte)1, (sbyte)2]);
        (await root.CallAsync<AlterUserScramCredentialsResponse>(0, swap)).Results.Single().ErrorCode.Should().Be(KafkaError.None);

        SecurityStore.Of(broker).State.CredentialsOf("bob").Should().ContainSingle().Which.Value.Iterations.Should().Be(8000);
        broker.Backend.GetPartition(new TopicPartition(SecurityStore.TopicName, 0)).Offsets.HighWatermark.Should().Be(2, "each request was one record, which is there or is not");
    }

    [Fact]
    public async Task Who_is_removed_is_sent_away_from_where_he_is_connected()
    {
        await using var broker = Broker.CreateInMemory();
        var store = SecurityStore.Of(broker);
        await store.SetAsync("bob", new Dictionary<sbyte, ScramCredential?> { [2] = ScramCredential.OfPassword(ScramMechanism.Sha512, "secret", s_salt, 4096) });
        await store.SetAsync(new AclBinding(AclResource.Topic, "*", AclPattern.Literal, "User:bob", "*", AclOperation.All, AclPermission.Allow), isKept: true);
        await store.SetAsync(new AclBinding(AclResource.Group, "*", AclPattern.Literal, "User:bob", "*", AclOperation.All, AclPermission.Allow), isKept: true);
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, Options());
        await broker.Admin.CreateTopicAsync("t");
        using var consumer = new Confluent.Kafka.ConsumerBuilder<Confluent.Kafka.Ignore, string>(new Confluent.Kafka.ConsumerConfig
        {
            BootstrapServers = endpoint.BootstrapServers,
            GroupId = "unused",
            SecurityProtocol = Confluent.Kafka.SecurityProtocol.SaslPlaintext,
            SaslMechanism = Confluent.Kafka.SaslMechanism.ScramSha512,
            SaslUsername = "bob",
            SaslPassword = "secret",
        }).Build();
        consumer.Assign(new Confluent.Kafka.TopicPartitionOffset("t", 0, Confluent.Kafka.Offset.Beginning));
        await broker.PublishAsync(Topic.Create("t", Serdes.Utf8), "before");
        consumer.Consume(TimeSpan.FromSeconds(20)).Message.Value.Should().Be("before");

        await store.SetAsync("bob", new Dictionary<sbyte, ScramCredential?> { [2] = null });
        await broker.PublishAsync(Topic.Create("t", Serdes.Utf8), "at once");
        consumer.Consume(TimeSpan.FromMilliseconds(700));
        await broker.PublishAsync(Topic.Create("t", Serdes.Utf8), "after");

        consumer.Consume(TimeSpan.FromSeconds(2))?.Message?.Value.Should().NotBe("after");
        endpoint.ConnectionCount.Should().BeLessThanOrEqualTo(1, "what is open is an attempt to log in again");
    }

    [Theory]
    [InlineData("root", 1, 4096, 8, 32, KafkaError.UnacceptableCredential), InlineData("", 1, 4096, 8, 32, KafkaError.UnacceptableCredential)]
    [InlineData("bob", 1, 4095, 8, 32, KafkaError.UnacceptableCredential), InlineData("bob", 1, 16385, 8, 32, KafkaError.UnacceptableCredential)]
    [InlineData("bob", 1, 4096, 0, 32, KafkaError.UnacceptableCredential), InlineData("bob", 1, 4096, 8, 31, KafkaError.UnacceptableCredential)]
    [InlineData("bob", 3, 4096, 8, 32, KafkaError.UnsupportedSaslMechanism), InlineData("bob", 2, 16384, 8, 64, KafkaError.None)]
    public async Task A_credential_that_cannot_be_one_is_refused(string user, sbyte mechanism, int iterations, int saltBytes, int passwordBytes, object error)
    {
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, Options());
        using var root = await LoginAsync(endpoint, "root");
        var upsertion = new AlterUserScramCredentialsRequest.Upsertion
        {
            Name = user,
            Mechanism = mechanism,
            Iterations = iterations,
            Salt = new byte[saltBytes],
            SaltedPassword = new byte[passwordBytes],
        };

        var answer = await root.CallAsync<AlterUserScramCredentialsResponse>(0, new AlterUserScramCredentialsRequest { Upsertions = [upsertion] });

        answer.Results.Single().ErrorCode.Should().Be((KafkaError)error);
    }

    [Fact]
    public async Task Where_nobody_logs_in_there_are_no_rules()
    {
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        using var client = new RawClient(endpoint);

        (await client.CallAsync<DescribeAclsResponse>(3, new DescribeAclsRequest())).ErrorCode.Should().Be(KafkaError.SecurityDisabled);
        (await client.CallAsync<CreateAclsResponse>(3, Creation("x"))).Results.Single().ErrorCode.Should().Be(KafkaError.SecurityDisabled);
        (await client.CallAsync<DeleteAclsResponse>(3, new DeleteAclsRequest { Filters = [new()] })).FilterResults.Single().ErrorCode.Should().Be(KafkaError.SecurityDisabled);
    }

    [Fact]
    public async Task A_rule_that_makes_no_sense_is_refused()
    {
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, Options());
        using var root = await LoginAsync(endpoint, "root");
        var senseless = new Action<CreateAclsRequest.Creation>[]
        {
            rule => rule.ResourceType = 1, rule => rule.ResourcePatternType = 2, rule => rule.ResourceName = "", rule => rule.Principal = "x", rule => rule.Principal = "User:",
            rule => rule.Operation = 1, rule => rule.Operation = 99, rule => rule.PermissionType = 1, rule => rule.Host = "", rule => rule.ResourceType = 4,
        };
        var request = new CreateAclsRequest
        {
            Creations = Array.ConvertAll(senseless, spoil =>
            {
                var creation = Creation("x").Creations.Single();
                spoil(creation);
                return creation;
            }),
        };

        (await root.CallAsync<CreateAclsResponse>(3, request)).Results.Should().HaveCount(10).And.OnlyContain(result => result.ErrorCode == KafkaError.InvalidRequest);
    }

    private static KafkaEndpointOptions Options() => new()
    {
        Port = 0,
        Sasl = SaslMechanisms.Plain | SaslMechanisms.ScramSha256 | SaslMechanisms.ScramSha512,
        Users = { ["root"] = "secret" },
        SuperUsers = { "User:root" },
    };

    private static async Task<RawClient> LoginAsync(KafkaEndpoint endpoint, string user)
    {
        var client = new RawClient(endpoint);
        (await client.LoginAsync(user, "secret")).Should().Be(KafkaError.None);
        return client;
    }

    private static AlterUserScramCredentialsRequest Upsert(string user) =>
        new() { Upsertions = [new() { Name = user, Mechanism = 1, Iterations = 4096, Salt = s_salt, SaltedPassword = new byte[32] }] };

    private static CreateAclsRequest Creation(string user) => new()
    {
        Creations = [new() { ResourceType = 2, ResourceName = "t", ResourcePatternType = 4, Principal = $"User:{user}", Host = "*", Operation = 3, PermissionType = 3 }],
    };
}
