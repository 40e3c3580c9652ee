using System.Buffers;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>Keys and values of Kafka's internal topics; the byte in front says which form it is.</summary>
internal static class KafkaLogSeeds
{
    public static IEnumerable<byte[]> Records()
    {
        yield return Bytes(0, destination => TransactionLogFormat.WriteKey("checkout", destination));
        yield return Bytes(1, destination => TransactionLogFormat.WriteValue(Ongoing(), partition => ($"topic-{partition.Topic}", partition.Index), destination));
        yield return Bytes(2, destination => GroupLogFormat.WriteOffsetKey("totals", "orders", 3, destination));
        yield return Bytes(2, destination => GroupLogFormat.WriteGroupKey("totals", destination));
        yield return Bytes(3, destination => GroupLogFormat.WriteOffsetValue(new OffsetValue(new PartitionKey(1, 0), 42, 1, "note"), 1_000, destination));
        yield return Bytes(4, destination => GroupLogFormat.WriteGroupValue(
            new ClassicGroup
            {
                ProtocolType = "consumer", Generation = 2, Protocol = "range", LeaderId = "client-1", StateSinceMs = 5,
                Members = [new ClassicMember { Id = "client-1", ClientId = "client", ClientHost = "host", Protocols = [new ClassicProtocol("range", new byte[] { 1, 2 })] }],
            },
            destination));
    }

    private static TransactionEntry Ongoing()
    {
        var entry = new TransactionEntry(new EntryRecord
        {
            TransactionalId = "checkout", Identity = new ProducerIdentity(4, 1), State = TransactionState.Ongoing, Generation = TransactionGeneration.V2, TimeoutMs = 60_000,
            UpdateMs = 7, OwnerKind = OwnerKind.InProcess, Owner = "here", OwnedSinceMs = 3,
        });
        entry.Restore([new PartitionKey(1, 0), new PartitionKey(1, 2), new PartitionKey(2, 0)], ["totals"]);
        return entry;
    }

    private static byte[] Bytes(byte form, Action<IBufferWriter<byte>> write)
    {
        var destination = new ArrayBufferWriter<byte>();
        destination.Write([form]);
        write(destination);
        return destination.WrittenSpan.ToArray();
    }
}
