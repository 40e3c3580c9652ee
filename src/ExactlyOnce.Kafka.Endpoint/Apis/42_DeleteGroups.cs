using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DeleteGroupsRequest : IMessage
{
    public string[] GroupsNames = [];

    public void Fields(Wire wire) => wire.Strings(ref GroupsNames);
}

internal sealed class DeleteGroupsResponse : IMessage
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
        public string GroupId = "";
        public KafkaError ErrorCode;

        public void Fields(Wire wire)
        {
            wire.String(ref GroupId);
            wire.Error(ref ErrorCode);
        }
    }
}

/// <summary>Deletes groups without members, with their offsets.</summary>
internal sealed class DeleteGroupsApi() : Api<DeleteGroupsRequest, DeleteGroupsResponse>(42, "DeleteGroups", 0, 2, flexibleFrom: 2)
{
    protected override async ValueTask<DeleteGroupsResponse?> HandleAsync(DeleteGroupsRequest request, Call call)
    {
        var response = new DeleteGroupsResponse { Results = new DeleteGroupsResponse.Result[request.GroupsNames.Length] };
        for (var i = 0; i < response.Results.Length; i++)
            response.Results[i] = new DeleteGroupsResponse.Result
            {
                GroupId = request.GroupsNames[i],
                ErrorCode = call.AllowsGroup(AclOperation.Delete, request.GroupsNames[i])
                    ? (await call.Wire.DeleteGroupAsync(request.GroupsNames[i]).ConfigureAwait(false)).ToKafka()
                    : KafkaError.GroupAuthorizationFailed,
            };
        return response;
    }
}
