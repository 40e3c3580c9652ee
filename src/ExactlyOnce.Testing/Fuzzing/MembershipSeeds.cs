using System.Buffers;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>Group records of network clients, of which the sample directory has none because it has no network.</summary>
internal static class MembershipSeeds
{
    private static readonly GroupRecord[] s_records =
    [
        new OffsetsCommitted("plain", 1_000, [new OffsetValue(new PartitionKey(1, 0), 17, 3, "note"), new OffsetValue(new PartitionKey(1, 1), 4)]),
        new TransactionOffsetsWritten("plain", new ProducerIdentity(4, 1), 1_000, [new OffsetValue(new PartitionKey(2, 0), 9)]),
        new ClassicGroupChanged("classic", Classic(), IsGeneration: true),
        new ConsumerGroupChanged("modern", 3, "uniform", HasInProcessMembers: false, EmptySinceMs: -1),
        new ConsumerMemberChanged("modern", Modern(), ChangesMembership: true),
    ];

    public static IEnumerable<byte[]> Records()
    {
        GroupRecord[] others =
        [
            new TransactionOffsetsEnded(4, IsCommit: true), new OffsetsDeleted("plain", [new PartitionKey(1, 0)]), new TopicOffsetsDropped(2),
            new GroupDeleted("plain"), new ConsumerMemberRemoved("modern", "member-1", MemberOrigin.Network),
        ];
        return s_records.Concat(others).Select(record => Bytes(destination => GroupRecordCodec.Write(record, destination)));
    }

    public static byte[] Snapshot()
    {
        var state = new GroupCoordinatorState(GroupSettings.Default);
        for (var i = 0; i < s_records.Length; i++)
            state.Apply(s_records[i], lsn: 100 + i);
        return Bytes(state.WriteSnapshot);
    }

    private static ClassicGroup Classic() => new()
    {
        State = GroupState.Stable,
        Generation = 4,
        ProtocolType = "consumer",
        Protocol = "range",
        LeaderId = "client-1",
        StateSinceMs = 900,
        Members =
        [
            new ClassicMember
            {
                Id = "client-1", InstanceId = "rack-1", ClientId = "client", ClientHost = "10.0.0.1", SessionTimeoutMs = 45_000, RebalanceTimeoutMs = 300_000,
                Protocols = [new ClassicProtocol("range", new byte[] { 0, 1, 2 })], Topics = [1, 2], Assignment = new byte[] { 9, 8, 7 },
            },
        ],
    };

    private static ConsumerMember Modern() => new()
    {
        Id = "member-1", Origin = MemberOrigin.Network, ClientId = "client", ClientHost = "10.0.0.2", Topics = [1, 2], RebalanceTimeoutMs = 60_000, Epoch = 3, PreviousEpoch = 2,
        Target = [new PartitionKey(1, 0), new PartitionKey(1, 1)],
        Owned = [new OwnedPartition(new PartitionKey(1, 0), 2)],
        Revoking = [new OwnedPartition(new PartitionKey(2, 0), 1)],
    };

    private static byte[] Bytes(Action<IBufferWriter<byte>> write)
    {
        var destination = new ArrayBufferWriter<byte>();
        write(destination);
        return destination.WrittenSpan.ToArray();
    }
}
