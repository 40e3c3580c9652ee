using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Confluent.Consuming;

using global::Confluent.Kafka;

/// <summary>A consumer's place in its group at one moment: what fences offsets that are sent to a transaction.</summary>
internal sealed class InProcessGroupMetadata(string group, GroupSession? member, Func<GroupSession?> currentMember) : IConsumerGroupMetadata
{
    private readonly int _generation = member?.Assignment.MemberEpoch ?? -1;

    public string Group => group;

    /// <summary>Null for a consumer that assigns its partitions itself.</summary>
    public GroupSession? Member => member;

    /// <summary>The consumer is still that member, in that generation.</summary>
    public bool IsCurrent => ReferenceEquals(member, currentMember()) && (member is null || member.Assignment.MemberEpoch == _generation);
}
