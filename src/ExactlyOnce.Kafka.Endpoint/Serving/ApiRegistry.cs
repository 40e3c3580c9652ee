using ExactlyOnce.Kafka.Endpoint.Apis;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// The APIs that are served. What stands here is advertised, answered, round-tripped by the tests and listed in the README; there is no second list.
/// </summary>
internal static class ApiRegistry
{
    /// <summary>Ascending by key.</summary>
    public static IReadOnlyList<Api> All { get; } =
    [
        new ProduceApi(),
        new FetchApi(),
        new ListOffsetsApi(),
        new MetadataApi(),
        new OffsetCommitApi(),
        new OffsetFetchApi(),
        new FindCoordinatorApi(),
        new JoinGroupApi(),
        new HeartbeatApi(),
        new LeaveGroupApi(),
        new SyncGroupApi(),
        new DescribeGroupsApi(),
        new ListGroupsApi(),
        new SaslHandshakeApi(),
        new ApiVersionsApi(),
        new CreateTopicsApi(),
        new DeleteTopicsApi(),
        new DeleteRecordsApi(),
        new InitProducerIdApi(),
        new OffsetForLeaderEpochApi(),
        new AddPartitionsToTxnApi(),
        new AddOffsetsToTxnApi(),
        new EndTxnApi(),
        new TxnOffsetCommitApi(),
        new DescribeAclsApi(),
        new CreateAclsApi(),
        new DeleteAclsApi(),
        new DescribeConfigsApi(),
        new AlterConfigsApi(),
        new DescribeLogDirsApi(),
        new SaslAuthenticateApi(),
        new CreatePartitionsApi(),
        new DeleteGroupsApi(),
        new IncrementalAlterConfigsApi(),
        new OffsetDeleteApi(),
        new DescribeUserScramCredentialsApi(),
        new AlterUserScramCredentialsApi(),
        new DescribeClusterApi(),
        new DescribeProducersApi(),
        new DescribeTransactionsApi(),
        new ListTransactionsApi(),
        new ConsumerGroupHeartbeatApi(),
        new ConsumerGroupDescribeApi(),
        new ListConfigResourcesApi(),
        new DescribeTopicPartitionsApi(),
    ];

    private static readonly Api?[] s_byKey = ByKey();

    public static Api? Find(short key) => (uint)key < (uint)s_byKey.Length ? s_byKey[key] : null;

    private static Api?[] ByKey()
    {
        var byKey = new Api?[All.Max(api => api.Key) + 1];
        foreach (var api in All)
            byKey[api.Key] = api;
        return byKey;
    }
}
