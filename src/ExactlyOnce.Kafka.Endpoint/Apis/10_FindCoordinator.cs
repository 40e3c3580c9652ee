using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class FindCoordinatorRequest : IMessage
{
    public string Key = "";
    public sbyte KeyType;
    public string[] CoordinatorKeys = [];

    public void Fields(Wire wire)
    {
        wire.String(ref Key, to: 3);
        wire.Int8(ref KeyType, from: 1);
        wire.Strings(ref CoordinatorKeys, from: 4);
    }
}

internal sealed class FindCoordinatorResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public string? ErrorMessage;
    public int NodeId;
    public string Host = "";
    public int Port;
    public Coordinator[] Coordinators = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 1);
        wire.Error(ref ErrorCode, to: 3);
        wire.NullableString(ref ErrorMessage, from: 1, to: 3);
        wire.Int32(ref NodeId, to: 3);
        wire.String(ref Host, to: 3);
        wire.Int32(ref Port, to: 3);
        wire.Array(ref Coordinators, from: 4);
    }

    internal sealed class Coordinator : IMessage
    {
        public string Key = "";
        public int NodeId;
        public string Host = "";
        public int Port;
        public KafkaError ErrorCode;
        public string? ErrorMessage;

        public void Fields(Wire wire)
        {
            wire.String(ref Key);
            wire.Int32(ref NodeId);
            wire.String(ref Host);
            wire.Int32(ref Port);
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
        }
    }
}

/// <summary>Which broker looks after a group or a transactional id: the one there is.</summary>
internal sealed class FindCoordinatorApi() : Api<FindCoordinatorRequest, FindCoordinatorResponse>(10, "FindCoordinator", 0, 6, flexibleFrom: 3)
{
    private const int Group = 0;
    private const int Transaction = 1;

    protected override ValueTask<FindCoordinatorResponse?> HandleAsync(FindCoordinatorRequest request, Call call)
    {
        var node = Node.Of(call);
        var error = request.KeyType is Group or Transaction ? KafkaError.None : KafkaError.InvalidRequest;
        var message = error == KafkaError.None ? null : "Only groups and transactional ids have coordinators here.";
        var keys = request.CoordinatorKeys.Prepend(request.Key);
        if (error == KafkaError.None && keys.Any(key => key.Length > 0 && Refuse(key, request, call) == KafkaError.None))
            call.Wire.OpenCoordinator(request.KeyType == Group);
        var own = error == KafkaError.None ? Refuse(request.Key, request, call) : error;
        return new(new FindCoordinatorResponse
        {
            ErrorCode = own,
            ErrorMessage = message,
            NodeId = node.Id,
            Host = node.Host,
            Port = node.Port,
            Coordinators = [.. request.CoordinatorKeys.Select(key => new FindCoordinatorResponse.Coordinator
            {
                Key = key,
                NodeId = node.Id,
                Host = node.Host,
                Port = node.Port,
                ErrorCode = error == KafkaError.None ? Refuse(key, request, call) : error,
                ErrorMessage = message,
            })],
        });
    }

    /// <summary>A request of several has no key of its own.</summary>
    private static KafkaError Refuse(string key, FindCoordinatorRequest request, Call call) =>
        key.Length == 0 && request.CoordinatorKeys.Length > 0 ? KafkaError.None
        : request.KeyType == Group ? (call.AllowsGroup(AclOperation.Describe, key) ? KafkaError.None : KafkaError.GroupAuthorizationFailed)
        : call.AllowsTransactionalId(AclOperation.Describe, key) ? KafkaError.None
        : KafkaError.TransactionalIdAuthorizationFailed;
}
