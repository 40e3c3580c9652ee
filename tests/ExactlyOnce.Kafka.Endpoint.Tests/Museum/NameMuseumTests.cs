using System.Text.RegularExpressions;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Museum;

/// <summary>Bugs that came from taking a stranger's word: for a path, for an internal peer, for a type.</summary>
public sealed partial class NameMuseumTests : IAsyncLifetime
{
    private const string Marker = "marker-of-a-test";

    private static readonly string[] s_badTopics = ["..", ".", "/",
        "\\", "a/b", "../x", "a\\b", "a\0b", "a b", "%2e%2e", "ａ", "a\u202Eb", "ä", "", new string('x', 250)];
    private static readonly string[] s_goodTopics = ["CON", "a.", "A", "a", "..a", "-", "_", new string('x', 249)];

    private readonly string _root = Directory.CreateTempSubdirectory("eo-museum-").FullName;
    private Broker _broker = null!;
    private KafkaEndpoint _endpoint = null!;
    private RawClient _client = null!;

    private string Folder => Path.Combine(_root, "data");

    public async Task InitializeAsync()
    {
        _broker = await Broker.OpenAsync(Folder);
        _endpoint = await KafkaEndpoint.StartAsync(_broker, new KafkaEndpointOptions { Port = 0, AutoCreateTopics = true });
        _client = new RawClient(_endpoint);
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _endpoint.DisposeAsync();
        await _broker.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    /// <summary>CVE-2022-28357 and others: names that are paths.</summary>
    [Fact]
    public async Task Museum_W17_PathTraversal()
    {
        foreach (var name in s_badTopics)
        {
            (await CreateAsync(name)).Should().Be(KafkaError.InvalidTopicException, "'{0}' is no topic's name", name);
            var metadata = await _client.CallAsync<MetadataResponse>(4,
                new MetadataRequest { Topics = [new() { Name = name }], AllowAutoTopicCreation = true });
            metadata.Topics.Single().ErrorCode.Should().Be(KafkaError.InvalidTopicException, "'{0}' is not created on the way either", name);
        }
        foreach (var name in s_goodTopics)
            (await CreateAsync(name)).Should().Be(KafkaError.None, "'{0}' is one", name);
        foreach (var name in s_badTopics.Where(name => name.Length > 0).Select(name => Marker + name).Append("../" + Marker))
            await UseAsync(group: name, transactionalId: name);

        Directory.EnumerateFileSystemEntries(_root).Should().Equal([Folder], "nothing is made beside the broker's folder");
        Directory.EnumerateFileSystemEntries(Folder, "*", SearchOption.AllDirectories).Where(path => path.Contains(Marker)).Should()
            .BeEmpty("groups and transactional ids never name a file");
        (await _client.CallAsync<DeleteTopicsResponse>(5, new DeleteTopicsRequest { TopicNames = ["../data", ".."] })).Responses
            .Should().OnlyContain(topic => topic.ErrorCode != KafkaError.None);
        Directory.Exists(Folder).Should().BeTrue();
    }

    /// <summary>CVE-2018-1288: a client that calls itself a replica, calls what only brokers call, or writes to what is the broker's.</summary>
    [Theory]
    [InlineData(4), InlineData(5), InlineData(6), InlineData(7), InlineData(27), InlineData(52), InlineData(56), InlineData(58)]
    public async Task Museum_W19_InternalPeer(short internalApi)
    {
        using var intruder = new RawClient(_endpoint);
        await intruder.SendAsync([0, 0, 0, 10, 0, (byte)internalApi, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF]);
        await intruder.ShouldBeClosedAsync();

        await CreateAsync("t");
        var transaction = new RawTransaction(_client, "x");
        await transaction.InitAsync();
        await transaction.ProduceAsync("t", "undecided");
        var asReplica = TestBatch.Fetch("t", 0, isolation: 1);
        asReplica.ReplicaId = 2;
        (await _client.CallAsync<FetchResponse>(12, asReplica)).Only().Records.Length.Should()
            .Be(0, "a replica's number shows nothing that a consumer may not see");

        foreach (var name in new[] { "__consumer_offsets", "__transaction_state" })
        {
            (await CreateAsync(name)).Should().NotBe(KafkaError.None);
            (await _client.CallAsync<ProduceResponse>(9, TestBatch.Produce(name, TestBatch.Of("forged")))).Only().ErrorCode.Should().NotBe(KafkaError.None);
        }
        (await transaction.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
    }

    /// <summary>CVE-2023-46604, CVE-2023-25194: types that the sender names. No source of ours has the words for it.</summary>
    [Fact]
    public void Museum_W23_TypesNamedByTheSender()
    {
        var source = Repository.PathOf("src");
        var files = Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories).ToList();

        files.Should().HaveCountGreaterThan(100);
        files.Where(file => TypeFromText().IsMatch(File.ReadAllText(file))).Should().BeEmpty();
    }

    private async Task<KafkaError> CreateAsync(string name) => (await _client.CallAsync<CreateTopicsResponse>(4, new CreateTopicsRequest
    {
        Topics = [new() { Name = name, NumPartitions = 1, ReplicationFactor = 1 }],
    })).Topics.Single().ErrorCode;

    /// <summary>Whatever the broker says to these names: it makes no file of them.</summary>
    private async Task UseAsync(string group, string transactionalId)
    {
        await _client.CallAsync<InitProducerIdResponse>(4, new InitProducerIdRequest { TransactionalId = transactionalId, TransactionTimeoutMs = 1000 });
        await _client.CallAsync<OffsetCommitResponse>(7, new OffsetCommitRequest
        {
            GroupId = group,
            GenerationIdOrMemberEpoch = -1,
            Topics = [new() { Name = "a", Partitions = [new() { CommittedOffset = 1 }] }],
        });
    }

    [GeneratedRegex(@"\bType\.GetType\(|BinaryFormatter|TypeNameHandling|JsonDerivedType|Activator\.CreateInstance\((?!typeof)|Assembly\.Load")]
    private static partial Regex TypeFromText();
}
