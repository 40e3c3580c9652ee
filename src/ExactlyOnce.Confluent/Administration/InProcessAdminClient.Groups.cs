using ExactlyOnce.Clients.Wire;
using WireGroup = ExactlyOnce.Clients.Wire.ConsumerGroupDescription;

namespace ExactlyOnce.Confluent.Administration;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;
using Described = global::Confluent.Kafka.Admin.ConsumerGroupDescription;

/// <summary>Groups: their members, their offsets.</summary>
internal sealed partial class InProcessAdminClient
{
    private static readonly Node s_node = new() { Id = s_broker.BrokerId, Host = s_broker.Host, Port = s_broker.Port };

    private WireBackend Wire => Backend.OpenWire(new WireSettings());

    public async Task DeleteGroupsAsync(IList<string> groups, DeleteGroupsOptions? options = null)
    {
        var reports = new List<DeleteGroupReport>();
        foreach (var group in groups)
            reports.Add(new DeleteGroupReport
            {
                Group = group,
                Error = await TryAsync(() => Backend.DeleteGroupAsync(group, CancellationToken.None)).ConfigureAwait(false),
            });
        if (reports.Exists(report => report.Error.IsError))
            throw new DeleteGroupsException(reports);
    }

    public async Task<ListConsumerGroupsResult> ListConsumerGroupsAsync(ListConsumerGroupsOptions? options = null)
    {
        var listings = (await Wire.ListGroupsAsync().ConfigureAwait(false)).Select(ToListing);
        return new ListConsumerGroupsResult
        {
            Valid = [.. listings.Where(listing => Matches(options?.MatchStates, listing.State) && Matches(options?.MatchTypes, listing.Type))],
        };
    }

    public async Task<DescribeConsumerGroupsResult> DescribeConsumerGroupsAsync(IEnumerable<string> groups, DescribeConsumerGroupsOptions? options = null)
    {
        var asked = groups.ToList();
        var wire = Wire;
        var ofMembersInProcess = await wire.DescribeConsumerGroupsAsync(asked).ConfigureAwait(false);
        var ofClassicMembers = await wire.DescribeGroupsAsync(asked).ConfigureAwait(false);
        return new DescribeConsumerGroupsResult
        {
            ConsumerGroupDescriptions =
                [.. ofMembersInProcess.Select((group, i) => group.Error == ExactlyOnce.ErrorCode.None ? ToDescription(group) : ToDescription(ofClassicMembers[i]))],
        };
    }

    public List<GroupInfo> ListGroups(TimeSpan timeout) => [.. Backend.ListGroups().Select(group => ListGroup(group, timeout))];

    /// <summary>The bytes of subscriptions and assignments are the protocol's between members, and empty in process.</summary>
    public GroupInfo ListGroup(string group, TimeSpan timeout)
    {
        var found = DescribeConsumerGroupsAsync([group]).GetAwaiter().GetResult().ConsumerGroupDescriptions[0];
        return new GroupInfo(
            s_broker, group, s_none, found.State.ToString(), found.Members.Count > 0 ? "consumer" : "", found.PartitionAssignor,
            [.. found.Members.Select(member => new GroupMemberInfo(member.ConsumerId, member.ClientId, member.Host, [], []))]);
    }

    public async Task<List<ListConsumerGroupOffsetsResult>> ListConsumerGroupOffsetsAsync(
        IEnumerable<ConsumerGroupTopicPartitions> groupPartitions, ListConsumerGroupOffsetsOptions? options = null)
    {
        var results = new List<ListConsumerGroupOffsetsResult>();
        foreach (var each in groupPartitions)
        {
            var asked = each.TopicPartitions ?? AllPartitions();
            var ids = asked.Select(partition => partition.ToBroker()).ToList();
            var committed = await Backend.FetchOffsetsAsync(each.Group, ids, CancellationToken.None).ConfigureAwait(false);
            results.Add(new ListConsumerGroupOffsetsResult
            {
                Group = each.Group,
                Partitions = [.. asked.Where(partition => each.TopicPartitions is not null || committed.ContainsKey(partition.ToBroker()))
                    .Select(partition => new TopicPartitionOffsetError(
                        new TopicPartitionOffset(partition, committed.TryGetValue(partition.ToBroker(), out var offset) ? offset.Offset : Offset.Unset), s_none))],
            });
        }
        return results;
    }

    public async Task<List<AlterConsumerGroupOffsetsResult>> AlterConsumerGroupOffsetsAsync(
        IEnumerable<ConsumerGroupTopicPartitionOffsets> groupPartitions, AlterConsumerGroupOffsetsOptions? options = null)
    {
        var reports = new List<AlterConsumerGroupOffsetsReport>();
        foreach (var each in groupPartitions)
        {
            var error = await TryAsync(() => Backend.CommitOffsetsAsync(
                each.Group,
                each.TopicPartitionOffsets.ToDictionary(offset => offset.TopicPartition.ToBroker(), offset => new CommittedOffset(offset.Offset.Value)),
                CancellationToken.None)).ConfigureAwait(false);
            reports.Add(new AlterConsumerGroupOffsetsReport
            {
                Group = each.Group,
                Error = s_none,
                Partitions = [.. each.TopicPartitionOffsets.Select(offset => new TopicPartitionOffsetError(offset, error))],
            });
        }
        return reports.Exists(report => report.Partitions.Exists(partition => partition.Error.IsError))
            ? throw new AlterConsumerGroupOffsetsException(reports)
            : [.. reports.Select(report => new AlterConsumerGroupOffsetsResult { Group = report.Group, Partitions = report.Partitions })];
    }

    public async Task<DeleteConsumerGroupOffsetsResult> DeleteConsumerGroupOffsetsAsync(
        string group, IEnumerable<TopicPartition> partitions, DeleteConsumerGroupOffsetsOptions? options = null)
    {
        var asked = partitions.ToList();
        var answer = await Wire.DeleteOffsetsAsync(group, [.. asked.Select(partition => partition.ToBroker())]).ConfigureAwait(false);
        var report = new DeleteConsumerGroupOffsetsReport
        {
            Group = group,
            Error = ToError(answer.Error),
            Partitions = [.. answer.Partitions.Select((error, i) => new TopicPartitionOffsetError(asked[i], Offset.Unset, ToError(error)))],
        };
        return report.Error.IsError || report.Partitions.Exists(partition => partition.Error.IsError)
            ? throw new DeleteConsumerGroupOffsetsException(report)
            : new DeleteConsumerGroupOffsetsResult { Group = group, Partitions = asked };
    }

    private List<TopicPartition> AllPartitions() => [.. Backend.ListTopics().Where(topic => !topic.IsInternal)
        .SelectMany(topic => Enumerable.Range(0, topic.Partitions).Select(partition => new TopicPartition(topic.Name, partition)))];

    private static ConsumerGroupListing ToListing(GroupListing group) => new()
    {
        GroupId = group.Group,
        State = ToState(group.State),
        Type = Enum.TryParse<ConsumerGroupType>(group.Type, out var type) ? type : ConsumerGroupType.Unknown,
        IsSimpleConsumerGroup = group.ProtocolType.Length == 0,
    };

    private static Described ToDescription(WireGroup group) => new()
    {
        GroupId = group.Group,
        Error = s_none,
        GroupType = ConsumerGroupType.Consumer,
        State = ToState(group.State),
        PartitionAssignor = group.Members.Count > 0 ? group.Assignor : "",
        Coordinator = s_node,
        Members = [.. group.Members.Select(member => ToMember(member.MemberId, member.InstanceId, member.ClientId, member.ClientHost, member.Assignment, member.Target))],
    };

    // A group of clients of an endpoint over the same broker, one with offsets alone, or none: what its members hold is known to their leader, in bytes of
    // their own.
    private static Described ToDescription(ClassicGroupDescription group) => new()
    {
        GroupId = group.Group,
        Error = s_none,
        GroupType = ConsumerGroupType.Classic,
        IsSimpleConsumerGroup = group.ProtocolType.Length == 0,
        State = ToState(group.State),
        PartitionAssignor = group.Protocol,
        Coordinator = s_node,
        Members = [.. group.Members.Select(member => ToMember(member.MemberId, member.InstanceId, member.ClientId, member.ClientHost, [], target: null))],
    };

    private static MemberDescription ToMember(
        string id, string? instanceId, string clientId, string host, IEnumerable<AssignedTopic> assignment, IEnumerable<AssignedTopic>? target) => new()
        {
            ConsumerId = id,
            GroupInstanceId = instanceId,
            ClientId = clientId,
            Host = host,
            Assignment = ToAssignment(assignment),
            TargetAssignment = target is null ? null : ToAssignment(target),
        };

    private static MemberAssignment ToAssignment(IEnumerable<AssignedTopic> topics) => new()
    {
        TopicPartitions = [.. topics.SelectMany(topic => topic.Partitions.Select(partition => new TopicPartition(topic.TopicName, partition)))],
    };

    private static ConsumerGroupState ToState(string state) => Enum.TryParse<ConsumerGroupState>(state, out var known) ? known : ConsumerGroupState.Unknown;

    private static bool Matches<T>(IEnumerable<T>? wanted, T value) => wanted is null || !wanted.Any() || wanted.Contains(value);

    private static Error ToError(ExactlyOnce.ErrorCode code) => new((ErrorCode)(int)code);
}
