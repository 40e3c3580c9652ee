using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeAclsRequest : IMessage
{
    public sbyte ResourceTypeFilter;
    public string? ResourceNameFilter;
    public sbyte PatternTypeFilter = (sbyte)AclPattern.Literal;
    public string? PrincipalFilter;
    public string? HostFilter;
    public sbyte Operation;
    public sbyte PermissionType;

    public void Fields(Wire wire)
    {
        wire.Int8(ref ResourceTypeFilter);
        wire.NullableString(ref ResourceNameFilter);
        wire.Int8(ref PatternTypeFilter);
        wire.NullableString(ref PrincipalFilter);
        wire.NullableString(ref HostFilter);
        wire.Int8(ref Operation);
        wire.Int8(ref PermissionType);
    }
}

internal sealed class DescribeAclsResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public string? ErrorMessage;
    public Resource[] Resources = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.NullableString(ref ErrorMessage);
        wire.Array(ref Resources);
    }

    internal sealed class Resource : IMessage
    {
        public sbyte ResourceType;
        public string ResourceName = "";
        public sbyte PatternType = (sbyte)AclPattern.Literal;
        public Acl[] Acls = [];

        public void Fields(Wire wire)
        {
            wire.Int8(ref ResourceType);
            wire.String(ref ResourceName);
            wire.Int8(ref PatternType);
            wire.Array(ref Acls);
        }
    }

    internal sealed class Acl : IMessage
    {
        public string Principal = "";
        public string Host = "";
        public sbyte Operation;
        public sbyte PermissionType;

        public void Fields(Wire wire)
        {
            wire.String(ref Principal);
            wire.String(ref Host);
            wire.Int8(ref Operation);
            wire.Int8(ref PermissionType);
        }
    }
}

/// <summary>Lists access rules.</summary>
internal sealed class DescribeAclsApi() : Api<DescribeAclsRequest, DescribeAclsResponse>(29, "DescribeAcls", 1, 3, flexibleFrom: 2)
{
    protected override ValueTask<DescribeAclsResponse?> HandleAsync(DescribeAclsRequest request, Call call)
    {
        if (AclAccess.Refuse(call, AclOperation.Describe) is var error and not KafkaError.None)
            return new(new DescribeAclsResponse { ErrorCode = error, ErrorMessage = AclAccess.MessageOf(error) });
        var filter = new AclFilter(
            (AclResource)request.ResourceTypeFilter, request.ResourceNameFilter, (AclPattern)request.PatternTypeFilter,
            request.PrincipalFilter, request.HostFilter, (AclOperation)request.Operation, (AclPermission)request.PermissionType);
        if (!filter.IsValid)
            return new(new DescribeAclsResponse { ErrorCode = KafkaError.InvalidRequest, ErrorMessage = "The filter has a number that is not known." });
        var rules = call.Server.Security.State.Rules.Where(filter.Matches);
        return new(new DescribeAclsResponse
        {
            Resources = [.. rules.GroupBy(rule => (rule.Resource, rule.Name, rule.Pattern)).Select(resource => new DescribeAclsResponse.Resource
            {
                ResourceType = (sbyte)resource.Key.Resource,
                ResourceName = resource.Key.Name,
                PatternType = (sbyte)resource.Key.Pattern,
                Acls = [.. resource.Select(ToWire)],
            })],
        });
    }

    private static DescribeAclsResponse.Acl ToWire(AclBinding rule) =>
        new() { Principal = rule.Principal, Host = rule.Host, Operation = (sbyte)rule.Operation, PermissionType = (sbyte)rule.Permission };
}
