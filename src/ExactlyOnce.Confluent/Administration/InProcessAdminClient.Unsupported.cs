namespace ExactlyOnce.Confluent.Administration;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>What makes no sense in process.</summary>
internal sealed partial class InProcessAdminClient
{
    public Task CreateAclsAsync(IEnumerable<AclBinding> aclBindings, CreateAclsOptions? options = null) =>
        throw ByEndpoint("CreateAclsAsync", "there are no rules without a network");

    public Task<DescribeAclsResult> DescribeAclsAsync(AclBindingFilter aclBindingFilter, DescribeAclsOptions? options = null) =>
        throw ByEndpoint("DescribeAclsAsync", "there are no rules without a network");

    public Task<List<DeleteAclsResult>> DeleteAclsAsync(IEnumerable<AclBindingFilter> aclBindingFilters, DeleteAclsOptions? options = null) =>
        throw ByEndpoint("DeleteAclsAsync", "there are no rules without a network");

    public Task<DescribeUserScramCredentialsResult> DescribeUserScramCredentialsAsync(IEnumerable<string> users, DescribeUserScramCredentialsOptions? options = null) =>
        throw ByEndpoint("DescribeUserScramCredentialsAsync", "nobody logs in in process");

    public Task AlterUserScramCredentialsAsync(IEnumerable<UserScramCredentialAlteration> alterations, AlterUserScramCredentialsOptions? options = null) =>
        throw ByEndpoint("AlterUserScramCredentialsAsync", "nobody logs in in process");

    private static NotSupportedException ByEndpoint(string member, string why) =>
        new($"{member} is not supported in process, because {why}: test it with the real client against ExactlyOnce.Kafka.Endpoint.");
}
