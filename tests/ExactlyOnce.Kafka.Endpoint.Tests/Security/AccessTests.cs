using System.Collections;
using System.Reflection;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

/// <summary>Every API against every kind of right: who may not is told so, in the way of that API, and nothing happens.</summary>
public sealed class AccessTests : EndpointTest
{
    private const string Topic = "t";
    private const string Group = "g";
    private const string Id = "tx";

    private const KafkaError TopicError = KafkaError.TopicAuthorizationFailed;
    private const KafkaError GroupError = KafkaError.GroupAuthorizationFailed;
    private const KafkaError IdError = KafkaError.TransactionalIdAuthorizationFailed;
    private const KafkaError ClusterError = KafkaError.ClusterAuthorizationFailed;

    /// <summary>A request that names something, what refuses it, and the rules that together allow it.</summary>
    private static readonly Dictionary<string, Case> s_cases = new()
    {
        ["Produce"] = new(9, () => TestBatch.Produce(Topic, TestBatch.Of("x")), TopicError, [OnTopic(AclOperation.Write)]),
        ["Fetch"] = new(12, () => TestBatch.Fetch(Topic, 0), TopicError, [OnTopic(AclOperation.Read)]),
        ["ListOffsets"] = new(6, () => new ListOffsetsRequest { Topics = [new() { Name = Topic, Partitions = [new() { Timestamp = -1 }] }] }, TopicError, [OnTopic(AclOperation.Describe)]),
        ["Metadata"] = new(12, () => new MetadataRequest { Topics = [new() { Name = Topic }] }, TopicError, [OnTopic(AclOperation.Describe)]),
        ["OffsetCommit"] = new(8, () => new OffsetCommitRequest { GroupId = Group, Topics = [new() { Name = Topic, Partitions = [new()] }] }, GroupError,
            [OnGroup(AclOperation.Read), OnTopic(AclOperation.Read)]),
        ["OffsetFetch"] = new(7, () => new OffsetFetchRequest { GroupId = Group, Topics = [new() { Name = Topic, PartitionIndexes = [0] }] }, GroupError,
            [OnGroup(AclOperation.Describe), OnTopic(AclOperation.Describe)]),
        ["FindCoordinator"] = new(2, () => new FindCoordinatorRequest { Key = Group }, GroupError, [OnGroup(AclOperation.Describe)]),
        ["JoinGroup"] = new(5, () => new JoinGroupRequest { GroupId = Group, SessionTimeoutMs = 10_000, RebalanceTimeoutMs = 10_000, ProtocolType = "consumer", Protocols = [new() { Name = "range" }] },
            GroupError, [OnGroup(AclOperation.Read)]),
        ["Heartbeat"] = new(3, () => new HeartbeatRequest { GroupId = Group }, GroupError, [OnGroup(AclOperation.Read)]),
        ["LeaveGroup"] = new(3, () => new LeaveGroupRequest { GroupId = Group }, GroupError, [OnGroup(AclOperation.Read)]),
        ["SyncGroup"] = new(3, () => new SyncGroupRequest { GroupId = Group }, GroupError, [OnGroup(AclOperation.Read)]),
        ["DescribeGroups"] = new(5, () => new DescribeGroupsRequest { Groups = [Group] }, GroupError, [OnGroup(AclOperation.Describe)]),
        ["CreateTopics"] = new(5, () => new CreateTopicsRequest { Topics = [new() { Name = "new", NumPartitions = 1, ReplicationFactor = 1 }] }, TopicError,
            [OnCluster(AclOperation.Create)]),
        ["DeleteTopics"] = new(5, () => new DeleteTopicsRequest { TopicNames = [Topic] }, TopicError, [OnTopic(AclOperation.Delete)]),
        ["DeleteRecords"] = new(2, () => new DeleteRecordsRequest { Topics = [new() { Name = Topic, Partitions = [new() { Offset = 0 }] }] }, TopicError, [OnTopic(AclOperation.Delete)]),
        ["InitProducerId"] = new(4, () => new InitProducerIdRequest { TransactionalId = Id, TransactionTimeoutMs = 10_000 }, IdError, [OnId(AclOperation.Write)]),
        ["OffsetForLeaderEpoch"] = new(4, () => new OffsetForLeaderEpochRequest { Topics = [new() { Name = Topic, Partitions = [new()] }] }, TopicError, [OnTopic(AclOperation.Describe)]),
        ["AddPartitionsToTxn"] = new(3, () => new AddPartitionsToTxnRequest { TransactionalId = Id, Topics = [new() { Name = Topic, Partitions = [0] }] }, IdError,
            [OnId(AclOperation.Write), OnTopic(AclOperation.Write)]),
        ["AddOffsetsToTxn"] = new(3, () => new AddOffsetsToTxnRequest { TransactionalId = Id, GroupId = Group }, IdError, [OnId(AclOperation.Write), OnGroup(AclOperation.Read)]),
        ["EndTxn"] = new(3, () => new EndTxnRequest { TransactionalId = Id }, IdError, [OnId(AclOperation.Write)]),
        ["TxnOffsetCommit"] = new(3, () => new TxnOffsetCommitRequest { TransactionalId = Id, GroupId = Group, Topics = [new() { Name = Topic, Partitions = [new()] }] }, IdError,
            [OnId(AclOperation.Write), OnGroup(AclOperation.Read), OnTopic(AclOperation.Read)]),
        ["DescribeAcls"] = new(2, () => new DescribeAclsRequest { ResourceTypeFilter = 1, PatternTypeFilter = 1, Operation = 1, PermissionType = 1 }, ClusterError, [OnCluster(AclOperation.Describe)]),
        ["CreateAcls"] = new(2, () => new CreateAclsRequest { Creations = [new() { ResourceType = 2, ResourceName = "x", Principal = "User:x", Host = "*", Operation = 3, PermissionType = 3 }] },
            ClusterError, [OnCluster(AclOperation.Alter)]),
        ["DeleteAcls"] = new(2, () => new DeleteAclsRequest { Filters = [new() { ResourceTypeFilter = 2, ResourceNameFilter = "y", Operation = 3, PermissionType = 3 }] }, ClusterError,
            [OnCluster(AclOperation.Alter)]),
        ["DescribeConfigs"] = new(4, () => new DescribeConfigsRequest { Resources = [new() { ResourceType = 2, ResourceName = Topic }] }, TopicError, [OnTopic(AclOperation.DescribeConfigs)]),
        ["AlterConfigs"] = new(2, () => new AlterConfigsRequest { Resources = [new() { ResourceType = 2, ResourceName = Topic }] }, TopicError, [OnTopic(AclOperation.AlterConfigs)]),
        ["DescribeLogDirs"] = new(4, () => new DescribeLogDirsRequest(), ClusterError, [OnCluster(AclOperation.Describe)]),
        ["CreatePartitions"] = new(3, () => new CreatePartitionsRequest { Topics = [new() { Name = Topic, Count = 2 }] }, TopicError, [OnTopic(AclOperation.Alter)]),
        ["DeleteGroups"] = new(2, () => new DeleteGroupsRequest { GroupsNames = [Group] }, GroupError, [OnGroup(AclOperation.Delete)]),
        ["IncrementalAlterConfigs"] = new(1, () => new IncrementalAlterConfigsRequest { Resources = [new() { ResourceType = 2, ResourceName = Topic }] }, TopicError,
            [OnTopic(AclOperation.AlterConfigs)]),
        ["OffsetDelete"] = new(0, () => new OffsetDeleteRequest { GroupId = Group, Topics = [new() { Name = Topic, Partitions = [new()] }] }, GroupError,
            [OnGroup(AclOperation.Delete)]),
        ["DescribeUserScramCredentials"] = new(0, () => new DescribeUserScramCredentialsRequest(), ClusterError, [OnCluster(AclOperation.Describe)]),
        ["AlterUserScramCredentials"] = new(0, () => new AlterUserScramCredentialsRequest { Deletions = [new() { Name = "nobody", Mechanism = 1 }] }, ClusterError,
            [OnCluster(AclOperation.Alter)]),
        ["DescribeProducers"] = new(0, () => new DescribeProducersRequest { Topics = [new() { Name = Topic, PartitionIndexes = [0] }] }, TopicError, [OnTopic(AclOperation.Read)]),
        ["DescribeTransactions"] = new(0, () => new DescribeTransactionsRequest { TransactionalIds = [Id] }, IdError, [OnId(AclOperation.Describe)]),
        ["ConsumerGroupHeartbeat"] = new(0, () => new ConsumerGroupHeartbeatRequest { GroupId = Group, SubscribedTopicNames = [Topic], RebalanceTimeoutMs = 10_000, TopicPartitions = [] }, GroupError,
            [OnGroup(AclOperation.Read), OnTopic(AclOperation.Describe)]),
        ["ConsumerGroupDescribe"] = new(0, () => new ConsumerGroupDescribeRequest { GroupIds = [Group] }, GroupError, [OnGroup(AclOperation.Describe)]),
        ["ListConfigResources"] = new(1, () => new ListConfigResourcesRequest(), ClusterError, [OnCluster(AclOperation.DescribeConfigs)]),
        ["DescribeTopicPartitions"] = new(0, () => new DescribeTopicPartitionsRequest { Topics = [new() { Name = Topic }], ResponsePartitionLimit = 10 }, TopicError, [OnTopic(AclOperation.Describe)]),
    };

    /// <summary>They show what the caller may see, or are for everybody.</summary>
    private static readonly string[] s_filtered = ["ListGroups", "ListTransactions", "DescribeCluster", "ApiVersions", "SaslHandshake", "SaslAuthenticate"];

    public static TheoryData<string> Names => [.. s_cases.Keys];

    private protected override KafkaEndpointOptions Options() => new()
    {
        Port = 0,
        Sasl = SaslMechanisms.Plain,
        Users = { ["alice"] = "secret", ["root"] = "secret" },
        SuperUsers = { "User:root" },
        AutoCreateTopics = true,
    };

    [Fact]
    public void No_API_is_forgotten() => ApiRegistry.All.Select(api => api.Name).Should().BeSubsetOf([.. s_cases.Keys, .. s_filtered]);

    [Theory, MemberData(nameof(Names))]
    public async Task Without_a_rule_it_is_refused_and_changes_nothing_and_each_of_its_rights_is_needed(string name)
    {
        await Broker.Admin.CreateTopicAsync(Topic);
        var before = Broker.Admin.ListTopics().Select(topic => (topic.Name, topic.Partitions)).ToArray();
        var test = s_cases[name];
        var client = await LoginAsync("alice");

        ErrorsIn(await CallAsync(client, test)).Should().Contain(test.Error);
        for (var missing = 0; missing < test.Rights.Length; missing++)
        {
            foreach (var right in test.Rights)
                await SetAsync(right, right != test.Rights[missing]);
            ErrorsIn(await CallAsync(client, test)).Should().Contain(ErrorOf(test.Rights[missing]), "this alone is missing");
        }
        Broker.Admin.ListTopics().Where(topic => topic.Name != SecurityStore.TopicName).Select(topic => (topic.Name, topic.Partitions)).Should().Equal(before);
        Broker.Admin.ListGroups().Should().BeEmpty();
        (await (await LoginAsync("root")).CallAsync<FetchResponse>(12, TestBatch.Fetch(Topic, 0))).Only().HighWatermark.Should().Be(0);
    }

    [Theory, MemberData(nameof(Names))]
    public async Task With_its_rights_and_no_other_it_is_not_refused(string name)
    {
        await Broker.Admin.CreateTopicAsync(Topic);
        var test = s_cases[name];
        foreach (var right in test.Rights)
            await SetAsync(right, isKept: true);

        ErrorsIn(await CallAsync(await LoginAsync("alice"), test)).Should().NotContain([TopicError, GroupError, IdError, ClusterError]);
    }

    [Fact]
    public async Task A_transactional_batch_takes_the_right_to_its_id_as_well_whatever_the_partition_allows()
    {
        await Broker.Admin.CreateTopicAsync(Topic);
        await SetAsync(OnTopic(AclOperation.Write), isKept: true);
        var request = TestBatch.Produce(Topic, TestBatch.Of("x"));
        request.TransactionalId = Id;

        (await (await LoginAsync("alice")).CallAsync<ProduceResponse>(9, request)).Only().ErrorCode.Should().Be(IdError);
    }

    [Fact]
    public async Task To_delete_a_groups_offsets_takes_the_right_to_read_the_topic()
    {
        await Broker.Admin.CreateTopicAsync(Topic);
        await (await LoginAsync("root")).CallAsync<OffsetCommitResponse>(8, s_cases["OffsetCommit"].Request());
        await SetAsync(OnGroup(AclOperation.Delete), isKept: true);

        ErrorsIn(await CallAsync(await LoginAsync("alice"), s_cases["OffsetDelete"])).Should().Equal(KafkaError.None, TopicError);
    }

    [Fact]
    public async Task Lists_show_what_the_caller_may_know_of()
    {
        await Broker.Admin.CreateTopicAsync(Topic);
        await Broker.Admin.CreateTopicAsync("hidden");
        await SetAsync(OnTopic(AclOperation.Read), isKept: true);
        var (alice, root) = (await LoginAsync("alice"), await LoginAsync("root"));

        async Task<string?[]> TopicsOf(RawClient client) => [.. (await client.CallAsync<MetadataResponse>(12, new MetadataRequest { Topics = null })).Topics.Select(topic => topic.Name)];
        async Task<string?[]> PagesOf(RawClient client) =>
            [.. (await client.CallAsync<DescribeTopicPartitionsResponse>(0, new DescribeTopicPartitionsRequest { ResponsePartitionLimit = 100 })).Topics.Select(topic => topic.Name)];
        foreach (var topicsOf in new[] { TopicsOf, PagesOf })
        {
            (await topicsOf(alice)).Should().Equal(Topic);
            (await topicsOf(root)).Should().Contain([Topic, "hidden"]).And.NotContain(SecurityStore.TopicName);
        }
        (await root.CallAsync<ListConfigResourcesResponse>(1, new ListConfigResourcesRequest())).ConfigResources.Select(resource => resource.ResourceName).Should()
            .Contain([Topic, "hidden"]).And.NotContain(SecurityStore.TopicName);
        var byId = new MetadataRequest { Topics = [new() { TopicId = Broker.Admin.DescribeTopic("hidden")!.Id }] };
        (await alice.CallAsync<MetadataResponse>(12, byId)).Topics.Single().ErrorCode.Should().Be(KafkaError.UnknownTopicId);
    }

    [Fact]
    public async Task Groups_transactions_and_the_cluster_tell_nothing_to_somebody_without_a_rule()
    {
        await Broker.Admin.CreateTopicAsync(Topic);
        var (alice, root) = (await LoginAsync("alice"), await LoginAsync("root"));
        await root.CallAsync<OffsetCommitResponse>(8, s_cases["OffsetCommit"].Request());
        await new RawTransaction(root, Id).InitAsync();

        async Task<(int Groups, int Transactions, int Operations)> SeenBy(RawClient client) => (
            (await client.CallAsync<ListGroupsResponse>(4, new ListGroupsRequest())).Groups.Length,
            (await client.CallAsync<ListTransactionsResponse>(0, new ListTransactionsRequest())).TransactionStates.Length,
            (await client.CallAsync<DescribeClusterResponse>(0, new DescribeClusterRequest { IncludeClusterAuthorizedOperations = true })).ClusterAuthorizedOperations);
        (await SeenBy(alice)).Should().Be((0, 0, 0));
        (await SeenBy(root)).Should().Be((1, 1, 8096));
        await SetAsync(OnGroup(AclOperation.Read), isKept: true);
        await SetAsync(OnId(AclOperation.Describe), isKept: true);
        (await SeenBy(alice)).Should().Be((1, 1, 0));
    }

    [Fact]
    public async Task A_member_that_subscribes_by_a_pattern_is_given_what_it_may_know_of_and_more_with_a_rule_that_comes_later()
    {
        foreach (var topic in new[] { Topic, "t-hidden" })
            await Broker.Admin.CreateTopicAsync(topic);
        await SetAsync(OnGroup(AclOperation.Read), isKept: true);
        await SetAsync(OnTopic(AclOperation.Read), isKept: true);
        var client = await LoginAsync("alice");
        var epoch = 0;
        async Task<Guid[]> BeatAsync(string? regex)
        {
            var answer = await client.CallAsync<ConsumerGroupHeartbeatResponse>(1, new ConsumerGroupHeartbeatRequest
            {
                GroupId = Group,
                MemberId = "member",
                MemberEpoch = epoch,
                SubscribedTopicRegex = regex,
                RebalanceTimeoutMs = epoch == 0 ? 10_000 : -1,
                TopicPartitions = epoch == 0 ? [] : null,
            });
            answer.ErrorCode.Should().Be(KafkaError.None);
            epoch = answer.MemberEpoch;
            return [.. answer.Assignment?.TopicPartitions.Select(held => held.TopicId) ?? []];
        }

        (await BeatAsync("t.*")).Should().Equal(Broker.Admin.DescribeTopic(Topic)!.Id);
        await SetAsync(Right(AclResource.Topic, "t-hidden", AclOperation.Read), isKept: true);
        (await BeatAsync(null)).Should().BeEquivalentTo([Broker.Admin.DescribeTopic(Topic)!.Id, Broker.Admin.DescribeTopic("t-hidden")!.Id]);
    }

    [Fact]
    public async Task Asked_for_them_answers_carry_the_operations_of_the_caller()
    {
        await Broker.Admin.CreateTopicAsync(Topic);
        await SetAsync(OnTopic(AclOperation.Read), isKept: true);
        var request = new MetadataRequest { Topics = [new() { Name = Topic }], IncludeTopicAuthorizedOperations = true, IncludeClusterAuthorizedOperations = true };

        var ofAlice = await (await LoginAsync("alice")).CallAsync<MetadataResponse>(10, request);
        var ofRoot = await (await LoginAsync("root")).CallAsync<MetadataResponse>(10, request);

        (ofAlice.Topics.Single().TopicAuthorizedOperations, ofAlice.ClusterAuthorizedOperations).Should().Be(((1 << 3) | (1 << 8), 0));
        (ofRoot.Topics.Single().TopicAuthorizedOperations, ofRoot.ClusterAuthorizedOperations).Should().Be((3576, 8096));
    }

    [Fact]
    public async Task Nobody_reads_writes_or_deletes_the_topic_of_users_and_rules()
    {
        await SetAsync(OnTopic(AclOperation.Read), isKept: true);
        var root = await LoginAsync("root");
        var id = Broker.Admin.DescribeTopic(SecurityStore.TopicName)!.Id;
        var byId = TestBatch.Fetch("", 0);
        byId.Topics[0].TopicId = id;

        (await root.CallAsync<FetchResponse>(12, TestBatch.Fetch(SecurityStore.TopicName, 0))).Only().ErrorCode.Should().Be(TopicError);
        (await root.CallAsync<FetchResponse>(13, byId)).Only().ErrorCode.Should().Be(TopicError);
        (await root.CallAsync<ProduceResponse>(9, TestBatch.Produce(SecurityStore.TopicName, TestBatch.Of("x")))).Only().ErrorCode.Should().Be(TopicError);
        (await root.CallAsync<DeleteTopicsResponse>(6, new DeleteTopicsRequest { Topics = [new() { TopicId = id }] })).Responses.Single().ErrorCode.Should().Be(TopicError);
        foreach (var asked in new DescribeLogDirsRequest.Topic[]?[] { null, [new() { Name = SecurityStore.TopicName, Partitions = [0] }] })
            (await root.CallAsync<DescribeLogDirsResponse>(4, new DescribeLogDirsRequest { Topics = asked })).Results.Single().Topics.Should().BeEmpty();
    }

    private async Task<RawClient> LoginAsync(string user)
    {
        var client = Connect();
        (await client.LoginAsync(user, "secret")).Should().Be(KafkaError.None);
        return client;
    }

    private Task SetAsync(AclBinding rule, bool isKept) => SecurityStore.Of(Broker).SetAsync(rule, isKept);

    private static async Task<IMessage> CallAsync(RawClient client, Case test) => await client.CallAsync<IMessage>(test.Version, test.Request());

    private static KafkaError ErrorOf(AclBinding right) => right.Resource switch
    {
        // Who may not create topics in the cluster may still be allowed one, so that is what is refused.
        AclResource.Cluster when right.Operation == AclOperation.Create => TopicError,
        AclResource.Topic => TopicError,
        AclResource.Group => GroupError,
        AclResource.TransactionalId => IdError,
        _ => ClusterError,
    };

    private static AclBinding OnTopic(AclOperation operation) => Right(AclResource.Topic, Topic, operation);

    private static AclBinding OnGroup(AclOperation operation) => Right(AclResource.Group, Group, operation);

    private static AclBinding OnId(AclOperation operation) => Right(AclResource.TransactionalId, Id, operation);

    private static AclBinding OnCluster(AclOperation operation) => Right(AclResource.Cluster, AclBinding.ClusterName, operation);

    private static AclBinding Right(AclResource resource, string name, AclOperation operation) =>
        new(resource, name, AclPattern.Literal, "User:alice", AclBinding.Wildcard, operation, AclPermission.Allow);

    /// <summary>Every error number anywhere in an answer.</summary>
    private static List<KafkaError> ErrorsIn(object message)
    {
        var errors = new List<KafkaError>();
        foreach (var field in message.GetType().GetFields(BindingFlags.Instance | BindingFlags.Public))
        {
            var value = field.GetValue(message);
            if (value is KafkaError error)
                errors.Add(error);
            else if (value is IMessage inner)
                errors.AddRange(ErrorsIn(inner));
            else if (value is IEnumerable items and not string)
                foreach (var item in items.OfType<IMessage>())
                    errors.AddRange(ErrorsIn(item));
        }
        return errors;
    }

    private sealed record Case(short Version, Func<IMessage> Request, KafkaError Error, AclBinding[] Rights);
}
