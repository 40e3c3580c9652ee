using System.Collections.Immutable;

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

    public static ConsumerMember Read(ref GroupReader reader) => new()
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
