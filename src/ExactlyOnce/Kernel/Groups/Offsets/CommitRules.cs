using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>
/// Who may commit: the fence between a zombie's offsets and the partition's new owner. First the caller as a whole, then, in consumer groups, every
/// partition for itself. Pure.
/// </summary>
internal static class CommitRules
{
    public static GroupVerdict CheckCaller(GroupEntry? group, OffsetCommitRequest request, bool isTransactional, GroupSettings settings)
    {
        if (!settings.IsValidGroupId(request.Group))
            return GroupVerdict.InvalidGroupId;
        if (group is null)
            return request.Generation < 0 ? GroupVerdict.None : request.KnowsMissingGroups ? GroupVerdict.GroupIdNotFound : GroupVerdict.IllegalGeneration;
        if (request.Generation < 0 && !group.HasMembers && group.State == GroupState.Empty)
            return GroupVerdict.None;
        if (!request.HasMembership)
            return isTransactional && (settings.StrictKafka || request.MayLackMembership) ? GroupVerdict.None : GroupVerdict.UnknownMemberId;
        return group.Kind switch
        {
            GroupKind.Classic => CheckClassic(group.Classic, request, isTransactional),
            GroupKind.Consumer => CheckConsumer(group.Consumer!, request),
            _ => GroupVerdict.UnknownMemberId,
        };
    }

    private static GroupVerdict CheckClassic(ClassicGroup group, OffsetCommitRequest request, bool isTransactional)
    {
        var identity = group.Identify(request.MemberId, request.InstanceId);
        if (identity != GroupVerdict.None)
            return identity;
        if (request.Generation != group.Generation)
            return GroupVerdict.IllegalGeneration;
        // A member that has not got its new assignment yet cannot know what it may commit; a transaction was begun under the one before and is fenced by
        // generation.
        return !isTransactional && group.State == GroupState.CompletingRebalance ? GroupVerdict.RebalanceInProgress : GroupVerdict.None;
    }

    private static GroupVerdict CheckConsumer(ConsumerGroup group, OffsetCommitRequest request)
    {
        var identity = group.Identify(request.MemberId, request.InstanceId);
        if (identity != GroupVerdict.None)
            return identity;
        return request.Generation > group.Members[request.MemberId].Epoch ? GroupVerdict.StaleMemberEpoch : GroupVerdict.None;
    }

    public static GroupVerdict CheckPartition(GroupEntry? group, OffsetCommitRequest request, in OffsetValue value, GroupSettings settings)
    {
        // Kafka leaves this to its clients; a stored -1 would be read as "nothing committed" by some and as a position by others.
        if (value.Offset < 0)
            return GroupVerdict.InvalidRequest;
        if (value.Metadata.Length > settings.OffsetMetadataCharsMax)
            return GroupVerdict.OffsetMetadataTooLarge;
        if (group is not { Kind: GroupKind.Consumer, HasMembers: true } || !request.HasMembership)
            return GroupVerdict.None;
        var isCurrent = request.Generation == group.Consumer!.Members[request.MemberId].Epoch;
        if (isCurrent && settings.StrictKafka)
            return GroupVerdict.None;
        return OwnsSince(group.Consumer, request.MemberId, value.Partition, request.Generation) ? GroupVerdict.None : GroupVerdict.StaleMemberEpoch;
    }

    // KIP-1251: an older epoch does, as long as the member has owned the partition without interruption since.
    private static bool OwnsSince(ConsumerGroup group, string memberId, PartitionKey partition, int epoch) =>
        group.TryGetOwner(partition, out var owner) && owner.MemberId == memberId && owner.SinceEpoch <= epoch;

    /// <summary>A network member's fetch of committed offsets: one that was fenced must not start from them.</summary>
    public static GroupVerdict CheckFetch(GroupEntry? group, string memberId, int memberEpoch)
    {
        if (memberId.Length == 0 && memberEpoch < 0)
            return GroupVerdict.None;
        if (group is not { Kind: GroupKind.Consumer })
            return GroupVerdict.None;
        if (group.Consumer!.TryGetMember(memberId) is not { } member)
            return GroupVerdict.UnknownMemberId;
        return member.Epoch == memberEpoch ? GroupVerdict.None : GroupVerdict.StaleMemberEpoch;
    }
}
