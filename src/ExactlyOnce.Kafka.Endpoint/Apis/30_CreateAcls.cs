using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class CreateAclsRequest : IMessage
{
    public Creation[] Creations = [];

    public void Fields(Wire wire) => wire.Array(ref Creations);

    internal sealed class Creation : IMessage
    {
        public sbyte ResourceType;
        public string ResourceName = "";
        public sbyte ResourcePatternType = (sbyte)AclPattern.Literal;
        public string Principal = "";
        public string Host = "";
        public sbyte Operation;
        public sbyte PermissionType;

        public void Fields(Wire wire)
        {
            wire.Int8(ref ResourceType);
            wire.String(ref ResourceName);
            wire.Int8(ref ResourcePatternType);
            wire.String(ref Principal);
            wire.String(ref Host);
            wire.Int8(ref Operation);
            wire.Int8(ref PermissionType);
        }
    }
}

internal sealed class CreateAclsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Result[] Results = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Results);
    }

    internal sealed class Result : IMessage
    {
        public KafkaError ErrorCode;
        public string? ErrorMessage;

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
        }
    }
}

/// <summary>Adds access rules; one that exists is as good as added.</summary>
internal sealed class CreateAclsApi() : Api<CreateAclsRequest, CreateAclsResponse>(30, "CreateAcls", 1, 3, flexibleFrom: 2)
{
    protected override async ValueTask<CreateAclsResponse?> HandleAsync(CreateAclsRequest request, Call call)
    {
        var results = new CreateAclsResponse.Result[request.Creations.Length];
        var refusal = AclAccess.Refuse(call, AclOperation.Alter);
        for (var i = 0; i < results.Length; i++)
            results[i] = refusal == KafkaError.None
                ? await CreateAsync(request.Creations[i], call).ConfigureAwait(false)
                : new CreateAclsResponse.Result { ErrorCode = refusal, ErrorMessage = AclAccess.MessageOf(refusal) };
        return new CreateAclsResponse { Results = results };
    }

    private static async ValueTask<CreateAclsResponse.Result> CreateAsync(CreateAclsRequest.Creation asked, Call call)
    {
        var rule = new AclBinding(
            (AclResource)asked.ResourceType, asked.ResourceName, (AclPattern)asked.ResourcePatternType, asked.Principal, asked.Host,
            (AclOperation)asked.Operation, (AclPermission)asked.PermissionType);
        if (rule.Complaint() is { } complaint)
            return new CreateAclsResponse.Result { ErrorCode = KafkaError.InvalidRequest, ErrorMessage = complaint };
        try
        {
            if (!call.Server.Security.State.Rules.Contains(rule))
                await call.Server.Security.SetAsync(rule, isKept: true).ConfigureAwait(false);
            return new CreateAclsResponse.Result();
        }
        catch (BrokerException exception)
        {
            return new CreateAclsResponse.Result { ErrorCode = exception.ToKafka(), ErrorMessage = exception.Message };
        }
    }
}
