using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>
/// The durable part of a network member: id, instance id (nullable), client id, client host, topics, assignor, rebalance timeout i32, epoch i32, previous
/// epoch i32, target (partitions), owned and revoking (partition, since epoch i32).
/// </summary>
internal static class ConsumerMemberCodec
{
    public static void Write(ConsumerMember member, GroupWriter writer)
    {
        if (member.Origin != MemberOrigin.Network)
            throw new InvalidOperationException("In-process membership is not durable.");
        writer.Text(member.Id);
        writer.Text(member.InstanceId);
        writer.Text(member.ClientId);
        writer.Text(member.ClientHost);
        writer.Topics(member.Topics);
        writer.Text(member.Assignor);
        writer.Int32(member.RebalanceTimeoutMs);
        writer.Int32(member.Epoch);
        writer.Int32(member.PreviousEpoch);
        writer.Partitions(member.Target);
        WriteOwned(member.Owned, writer);
        WriteOwned(member.Revoking, writer);
    }

    private static void WriteOwned(ImmutableArray<OwnedPartition> owned, GroupWriter writer)
    {
        writer.Int32(owned.Length);
        foreach (var partition in owned)
        {
            writer.Partition(partition.Partition);
            writer.Int32(partition.SinceEpoch);
        }
    }

    public static ConsumerMember Read(ref GroupReader reader)
    {
        var member = ReadFields(ref reader);
        // Lookups search by halves and the owner index takes each partition once.
        var isAscending = IsAscending(member.Topics.AsSpan()) && IsAscending(member.Target.AsSpan())
            && IsAscending<PartitionKey>(Partitions(member.Owned)) && IsAscending<PartitionKey>(Partitions(member.Revoking));
        return isAscending ? member : throw GroupReader.Broken("a member whose partitions are not in order");
    }

    private static bool IsAscending<T>(ReadOnlySpan<T> values)
        where T : IComparable<T>
    {
        for (var i = 1; i < values.Length; i++)
        {
            if (values[i].CompareTo(values[i - 1]) <= 0)
                return false;
        }
        return true;
    }

    private static PartitionKey[] Partitions(ImmutableArray<OwnedPartition> owned)
    {
        var partitions = new PartitionKey[owned.Length];
        for (var i = 0; i < partitions.Length; i++)
            partitions[i] = owned[i].Partition;
        return partitions;
    }

    private static ConsumerMember ReadFields(ref GroupReader reader) => new()
    {
        Origin = MemberOrigin.Network,
        Id = reader.Text(),
        InstanceId = reader.NullableText(),
        ClientId = reader.Text(),
        ClientHost = reader.Text(),
        Topics = reader.Topics(),
        Assignor = ReadAssignor(ref reader),
        RebalanceTimeoutMs = reader.Int32(),
        Epoch = reader.Int32(),
        PreviousEpoch = reader.Int32(),
        Target = reader.Partitions(),
        Owned = ReadOwned(ref reader),
        Revoking = ReadOwned(ref reader),
    };

    private static string ReadAssignor(ref GroupReader reader)
    {
        var assignor = reader.Text();
        return Assignment.Assignors.IsKnown(assignor) ? assignor : throw GroupReader.Broken("an unknown assignor");
    }

    private static ImmutableArray<OwnedPartition> ReadOwned(ref GroupReader reader)
    {
        var owned = new OwnedPartition[reader.Count(12)];
        for (var i = 0; i < owned.Length; i++)
            owned[i] = new OwnedPartition(reader.Partition(), reader.Int32());
        return ImmutableArray.Create(owned);
    }
}
