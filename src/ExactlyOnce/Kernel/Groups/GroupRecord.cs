using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// One change of group state. Live traffic and recovery apply the same records. A record that is not durable changes only what dies with the process
/// (in-process membership, sessions, who waits for a rebalance) and must not be written to the journal.
/// </summary>
internal abstract record GroupRecord
{
    public virtual bool IsDurable => true;
}

/// <summary>A plain commit. Creates the group when there is none.</summary>
internal sealed record OffsetsCommitted(string Group, long NowMs, IReadOnlyList<OffsetValue> Offsets) : GroupRecord;

/// <summary>Offsets of an open transaction: pending until it ends. Creates the group when there is none.</summary>
internal sealed record TransactionOffsetsWritten(
    string Group, ProducerIdentity Producer, long NowMs, IReadOnlyList<OffsetValue> Offsets) : GroupRecord;

/// <summary>The producer's transaction ended: its pending offsets, in every group, take effect or are forgotten.</summary>
internal sealed record TransactionOffsetsEnded(long ProducerId, bool IsCommit) : GroupRecord;

/// <summary>Offsets deleted, pending ones included.</summary>
internal sealed record OffsetsDeleted(string Group, IReadOnlyList<PartitionKey> Partitions) : GroupRecord;

/// <summary>A topic was deleted: every group forgets its offsets, pending ones included.</summary>
internal sealed record TopicOffsetsDropped(int Topic) : GroupRecord;

/// <summary>A group is gone with all it had.</summary>
internal sealed record GroupDeleted(string Group) : GroupRecord;

/// <summary>
/// A classic group's whole new state, as in Kafka's log. Durable when a generation begins, is synced or a static member was replaced within it; joins
/// and heartbeats in between are not, so that after a restart the last generation goes on.
/// </summary>
internal sealed record ClassicGroupChanged(string Group, ClassicGroup State, bool IsGeneration) : GroupRecord
{
    public override bool IsDurable => IsGeneration;
}

/// <summary>
/// A consumer group's epoch moved. Durable, and says whether in-process members were part of it: a restart, which loses them, must move it again.
/// </summary>
/// <param name="Group">The group.</param>
/// <param name="Epoch">The new epoch.</param>
/// <param name="Assignor">The assignor that computed the target.</param>
/// <param name="HasInProcessMembers">Whether the epoch counts members that a restart loses.</param>
/// <param name="EmptySinceMs">When the last member went, −1 while there are members.</param>
internal sealed record ConsumerGroupChanged(string Group, int Epoch, string Assignor, bool HasInProcessMembers, long EmptySinceMs) : GroupRecord;

/// <summary>A member of a consumer group, new or changed.</summary>
internal sealed record ConsumerMemberChanged(string Group, ConsumerMember Member, bool ChangesMembership) : GroupRecord
{
    public override bool IsDurable => ChangesMembership && Member.Origin == MemberOrigin.Network;
}

/// <summary>A member of a consumer group is no more.</summary>
internal sealed record ConsumerMemberRemoved(string Group, string MemberId, MemberOrigin Origin) : GroupRecord
{
    public override bool IsDurable => Origin == MemberOrigin.Network;
}
