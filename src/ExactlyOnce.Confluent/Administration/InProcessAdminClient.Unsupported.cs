namespace ExactlyOnce.Confluent.Administration;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>What makes no sense in process, or is asked of the broker itself.</summary>
internal sealed partial class InProcessAdminClient
{
    public List<GroupInfo> ListGroups(TimeSpan timeout) => throw ByBroker("ListGroups", "ListConsumerGroupsAsync, or Broker.Admin.ListGroups");

    public GroupInfo ListGroup(string group, TimeSpan timeout) => throw ByBroker("ListGroup", "ListConsumerGroupsAsync and ListConsumerGroupOffsetsAsync");

    public Task<DescribeConsumerGroupsResult> DescribeConsumerGroupsAsync(IEnumerable<string> groups, DescribeConsumerGroupsOptions? options = null) =>
        throw ByEndpoint("DescribeConsumerGroupsAsync", "members have no hosts in process");

    public Task AlterConfigsAsync(Dictionary<ConfigResource, List<ConfigEntry>> configs, AlterConfigsOptions? options = null) =>
        throw ByBroker("AlterConfigsAsync", "Broker.Admin.AlterTopicAsync");

    public Task<List<IncrementalAlterConfigsResult>> IncrementalAlterConfigsAsync(
        Dictionary<ConfigResource, List<ConfigEntry>> configs, IncrementalAlterConfigsOptions? options = null) =>
        throw ByBroker("IncrementalAlterConfigsAsync", "Broker.Admin.AlterTopicAsync");

    public Task<List<DescribeConfigsResult>> DescribeConfigsAsync(IEnumerable<ConfigResource> resources, DescribeConfigsOptions? options = null) =>
        throw ByBroker("DescribeConfigsAsync", "Broker.Admin.DescribeTopic");

    public Task<DeleteConsumerGroupOffsetsResult> DeleteConsumerGroupOffsetsAsync(
        string group, IEnumerable<TopicPartition> partitions, DeleteConsumerGroupOffsetsOptions? options = null) =>
        throw ByBroker("DeleteConsumerGroupOffsetsAsync", "AlterConsumerGroupOffsetsAsync, or DeleteGroupsAsync");

    public Task CreateAclsAsync(IEnumerable<AclBinding> aclBindings, CreateAclsOptions? options = null) => throw ByEndpoint("CreateAclsAsync", "there are no rules without a network");

    public Task<DescribeAclsResult> DescribeAclsAsync(AclBindingFilter aclBindingFilter, DescribeAclsOptions? options = null) =>
        throw ByEndpoint("DescribeAclsAsync", "there are no rules without a network");

    public Task<List<DeleteAclsResult>> DeleteAclsAsync(IEnumerable<AclBindingFilter> aclBindingFilters, DeleteAclsOptions? options = null) =>
        throw ByEndpoint("DeleteAclsAsync", "there are no rules without a network");

    public Task<DescribeUserScramCredentialsResult> DescribeUserScramCredentialsAsync(IEnumerable<string> users, DescribeUserScramCredentialsOptions? options = null) =>
        throw ByEndpoint("DescribeUserScramCredentialsAsync", "nobody logs in in process");

    public Task AlterUserScramCredentialsAsync(IEnumerable<UserScramCredentialAlteration> alterations, AlterUserScramCredentialsOptions? options = null) =>
        throw ByEndpoint("AlterUserScramCredentialsAsync", "nobody logs in in process");

    private static NotSupportedException ByBroker(string member, string instead) => new($"{member} is not supported in process: use {instead} instead.");

    private static NotSupportedException ByEndpoint(string member, string why) =>
        new($"{member} is not supported in process, because {why}: test it with the real client against ExactlyOnce.Kafka.Endpoint.");
}
