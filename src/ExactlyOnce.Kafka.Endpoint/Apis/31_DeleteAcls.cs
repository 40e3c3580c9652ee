using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DeleteAclsRequest : IMessage
{
    public Filter[] Filters = [];

    public void Fields(Wire wire) => wire.Array(ref Filters);

    internal sealed class Filter : IMessage
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
}

internal sealed class DeleteAclsResponse : IMessage
{
    public int ThrottleTimeMs;
    public FilterResult[] FilterResults = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref FilterResults);
    }

    internal sealed class FilterResult : IMessage
    {
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public Acl[] MatchingAcls = [];

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.Array(ref MatchingAcls);
        }
    }

    internal sealed class Acl : IMessage
    {
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public sbyte ResourceType;
        public string ResourceName = "";
        public sbyte PatternType = (sbyte)AclPattern.Literal;
        public string Principal = "";
        public string Host = "";
        public sbyte Operation;
        public sbyte PermissionType;

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.Int8(ref ResourceType);
            wire.String(ref ResourceName);
            wire.Int8(ref PatternType);
            wire.String(ref Principal);
            wire.String(ref Host);
            wire.Int8(ref Operation);
            wire.Int8(ref PermissionType);
        }
    }
}

/// <summary>Removes access rules, and tells which.</summary>
internal sealed class DeleteAclsApi() : Api<DeleteAclsRequest, DeleteAclsResponse>(31, "DeleteAcls", 1, 3, flexibleFrom: 2)
{
    protected override async ValueTask<DeleteAclsResponse?> HandleAsync(DeleteAclsRequest request, Call call)
    {
        var results = new DeleteAclsResponse.FilterResult[request.Filters.Length];
        var refusal = AclAccess.Refuse(call, AclOperation.Alter);
        for (var i = 0; i < results.Length; i++)
            results[i] = refusal == KafkaError.None
                ? await DeleteAsync(request.Filters[i], call).ConfigureAwait(false)
                : new DeleteAclsResponse.FilterResult { ErrorCode = refusal, ErrorMessage = AclAccess.MessageOf(refusal) };
        return new DeleteAclsResponse { FilterResults = results };
    }

    private static async ValueTask<DeleteAclsResponse.FilterResult> DeleteAsync(DeleteAclsRequest.Filter asked, Call call)
    {
        var filter = new AclFilter(
            (AclResource)asked.ResourceTypeFilter, asked.ResourceNameFilter, (AclPattern)asked.PatternTypeFilter, asked.PrincipalFilter, asked.HostFilter,
            (AclOperation)asked.Operation, (AclPermission)asked.PermissionType);
        if (!filter.IsValid)
            return new DeleteAclsResponse.FilterResult { ErrorCode = KafkaError.InvalidRequest, ErrorMessage = "The filter has a number that is not known." };
        var removed = new List<DeleteAclsResponse.Acl>();
        foreach (var rule in call.Server.Security.State.Rules.Where(filter.Matches))
            removed.Add(await DeleteAsync(rule, call).ConfigureAwait(false));
        return new DeleteAclsResponse.FilterResult { MatchingAcls = [.. removed] };
    }

    private static async ValueTask<DeleteAclsResponse.Acl> DeleteAsync(AclBinding rule, Call call)
    {
        var answer = new DeleteAclsResponse.Acl
        {
            ResourceType = (sbyte)rule.Resource,
            ResourceName = rule.Name,
            PatternType = (sbyte)rule.Pattern,
            Principal = rule.Principal,
            Host = rule.Host,
            Operation = (sbyte)rule.Operation,
            PermissionType = (sbyte)rule.Permission,
        };
        try
        {
            await call.Server.Security.SetAsync(rule, isKept: false).ConfigureAwait(false);
        }
        catch (BrokerException exception)
        {
            (answer.ErrorCode, answer.ErrorMessage) = (exception.ToKafka(), exception.Message);
        }
        return answer;
    }
}
