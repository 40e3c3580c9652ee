using System.Buffers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// An entry as a record of Kafka's <c>__transaction_state</c> topic, for Kafka's own tools. Big-endian, no compact types:
/// <code>
/// key    version i16 (0) · transactional id string
/// value  version i16 (0) · producer id i64 · epoch i16 · timeoutMs i32 · state i8 · topics i32 (−1: none) · topics × (topic string · count i32 · count × index
/// i32) ·        lastUpdateMs i64 · startMs i64
/// </code>
/// A removed id is a key without a value. A prepared transaction is shown as Ongoing, which is what it is to Kafka.
/// </summary>
internal static class TransactionLogFormat
{
    public const short Version = 0;

    public static void WriteKey(string transactionalId, IBufferWriter<byte> destination)
    {
        var writer = new BigEndianWriter(destination);
        writer.Int16(Version);
        writer.Text(transactionalId);
    }

    /// <param name="entry">What to write.</param>
    /// <param name="locate">Names a partition as Kafka does.</param>
    /// <param name="destination">Where to.</param>
    public static void WriteValue(TransactionEntry entry, Func<PartitionKey, (string Topic, int Index)> locate, IBufferWriter<byte> destination)
    {
        var current = entry.Current;
        var writer = new BigEndianWriter(destination);
        writer.Int16(Version);
        writer.Int64(current.Identity.Id);
        writer.Int16(current.Identity.Epoch);
        writer.Int32(current.TimeoutMs);
        writer.Byte((byte)(current.State == TransactionState.Prepared ? TransactionState.Ongoing : current.State));
        if (current.State.IsIdle())
            writer.Int32(-1);
        else
            WriteTopics(writer, entry, locate);
        writer.Int64(current.UpdateMs);
        writer.Int64(current.StartMs);
    }

    private static void WriteTopics(in BigEndianWriter writer, TransactionEntry entry, Func<PartitionKey, (string Topic, int Index)> locate)
    {
        var topics = entry.Partitions.Select(locate).GroupBy(place => place.Topic, place => place.Index, StringComparer.Ordinal).ToList();
        writer.Int32(topics.Count);
        foreach (var topic in topics)
        {
            writer.Text(topic.Key);
            writer.Int32(topic.Count());
            foreach (var index in topic)
                writer.Int32(index);
        }
    }

    /// <exception cref="InvalidDataException">Not a key of this version.</exception>
    public static string ReadKey(ReadOnlySpan<byte> source)
    {
        var reader = new BigEndianReader(source);
        RequireVersion(reader.Int16());
        var transactionalId = reader.Text();
        reader.AssertEnd();
        return transactionalId;
    }

    /// <exception cref="InvalidDataException">Not a value of this version.</exception>
    public static TransactionLogValue ReadValue(ReadOnlySpan<byte> source)
    {
        var reader = new BigEndianReader(source);
        RequireVersion(reader.Int16());
        var identity = TransactionRecordCodec.ReadIdentity(ref reader);
        var timeoutMs = reader.Int32();
        var state = (TransactionState)reader.Byte();
        var partitions = ReadTopics(ref reader);
        var value = new TransactionLogValue(identity, timeoutMs, state, partitions, reader.Int64(), reader.Int64());
        reader.AssertEnd();
        return value;
    }

    private static List<(string Topic, int Index)>? ReadTopics(ref BigEndianReader reader)
    {
        var topics = reader.Int32();
        if (topics < 0)
            return null;
        var partitions = new List<(string, int)>();
        for (; topics > 0; topics--)
        {
            var topic = reader.Text();
            for (var count = reader.Count(itemBytesMin: 4); count > 0; count--)
                partitions.Add((topic, reader.Int32()));
        }
        return partitions;
    }

    private static void RequireVersion(short version)
    {
        if (version != Version)
            throw new InvalidDataException($"A transaction log record of version {version}; this broker reads version {Version}.");
    }
}

/// <summary>A decoded value of the transaction log; <paramref name="Partitions"/> is null where Kafka writes none.</summary>
internal sealed record TransactionLogValue(
    ProducerIdentity Identity, int TimeoutMs, TransactionState State, IReadOnlyList<(string Topic, int Index)>? Partitions, long UpdateMs, long StartMs);
