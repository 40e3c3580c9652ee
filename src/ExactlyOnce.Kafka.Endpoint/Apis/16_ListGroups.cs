using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ListGroupsRequest : IMessage
{
    public string[] StatesFilter = [];
    public string[] TypesFilter = [];

    public void Fields(Wire wire)
    {
        wire.Strings(ref StatesFilter, from: 4);
        wire.Strings(ref TypesFilter, from: 5);
    }
}

internal sealed class ListGroupsResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public Group[] Groups = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 1);
        wire.Error(ref ErrorCode);
        wire.Array(ref Groups);
    }

    internal sealed class Group : IMessage
    {
        public string GroupId = "";
        public string ProtocolType = "";
        public string GroupState = "";
        public string GroupType = "";

        public void Fields(Wire wire)
        {
            wire.String(ref GroupId);
            wire.String(ref ProtocolType);
            wire.String(ref GroupState, from: 4);
            wire.String(ref GroupType, from: 5);
        }
    }
}

/// <summary>Lists groups, all or those of some states and types.</summary>
internal sealed class ListGroupsApi() : Api<ListGroupsRequest, ListGroupsResponse>(16, "ListGroups", 0, 5, flexibleFrom: 3)
{
    protected override async ValueTask<ListGroupsResponse?> HandleAsync(ListGroupsRequest request, Call call)
    {
        var groups = await call.Wire.ListGroupsAsync().ConfigureAwait(false);
        var all = call.AllowsCluster(AclOperation.Describe);
        var shown = groups.Where(group => all || call.AllowsGroup(AclOperation.Describe, group.Group));
        var (states, types) = (ToSet(request.StatesFilter), ToSet(request.TypesFilter));
        return new ListGroupsResponse
        {
            Groups = [.. shown.Where(group => IsAmong(states, group.State) && IsAmong(types, group.Type)).Select(group => new ListGroupsResponse.Group
            {
                GroupId = group.Group,
                ProtocolType = group.ProtocolType,
                GroupState = group.State,
                GroupType = group.Type,
            })],
        };
    }

    private static HashSet<string> ToSet(string[] filter) => new(filter, StringComparer.OrdinalIgnoreCase);

    private static bool IsAmong(HashSet<string> filter, string name) => filter.Count == 0 || filter.Contains(name);
}
