using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>
/// Everything that a freshly opened broker shows: of each partition the batches that a reader of either isolation gets, and the state of its coordination and
/// partitions in their snapshots' bytes. Taken once from an undamaged directory, then compared with what a damaged one shows.
/// <para>
/// The leader epoch of a batch is not compared: it lies outside the batch's checksum, as in Kafka's format, and no reader of this process sees it.
/// </para>
/// </summary>
internal sealed class BrokerContents
{
    private const int RunBytes = 256 << 10;

    private readonly byte[] _state;
    private readonly Dictionary<(TopicPartition Partition, IsolationLevel Isolation), byte[]> _batches = [];

    private BrokerContents(byte[] state) => _state = state;

    public static BrokerContents Of(BrokerEngine engine)
    {
        var contents = new BrokerContents(StateOf(engine));
        foreach (var partition in engine.Partitions.InOrder())
            foreach (var isolation in Enum.GetValues<IsolationLevel>())
                contents._batches.Add((partition.Name, isolation), ReadAll(engine, partition, isolation));
        return contents;
    }

    public IReadOnlyCollection<(TopicPartition Partition, IsolationLevel Isolation)> Views => _batches.Keys;

    /// <summary>The batches of a partition, as its readers get them.</summary>
    public ReadOnlySpan<byte> Batches(TopicPartition partition, IsolationLevel isolation) => _batches[(partition, isolation)];

    public long Records(IsolationLevel isolation)
    {
        var count = 0L;
        foreach (var ((_, level), batches) in _batches)
        {
            if (level != isolation)
                continue;
            foreach (var header in HeadersOf(batches))
                count += header.RecordCount;
        }
        return count;
    }

    /// <summary>What is different in the state; null when nothing is.</summary>
    public string? FindStateDifference(BrokerEngine engine)
    {
        var state = StateOf(engine);
        return state.AsSpan().SequenceEqual(_state) ? null : $"the state differs from byte {state.AsSpan().CommonPrefixLength(_state)} of its {_state.Length}";
    }

    /// <summary>
    /// Reads a partition from its beginning and compares; null when everything is as it was. Damage that the reader meets comes out as it is.
    /// </summary>
    /// <exception cref="DamagedStorageException">The reader met damage; everything it delivered before was right.</exception>
    public string? FindDifference(BrokerEngine engine, Partition partition, IsolationLevel isolation)
    {
        ReadOnlySpan<byte> rest = _batches[(partition.Name, isolation)];
        using var cursor = new PartitionCursor(partition, partition.View.LogStart, isolation);
        while (cursor.TryRead(RunBytes, out var run) == CursorStatus.Read)
        {
            if (!IsPrefix(run.Span, rest))
                return $"{partition.Name} ({isolation}): other batches than before in front of offset {cursor.NextOffset}";
            rest = rest[run.Length..];
        }
        return rest.IsEmpty ? null : $"{partition.Name} ({isolation}): ends silently with {rest.Length} bytes missing, in front of offset {cursor.NextOffset}";
    }

    /// <summary>Seeks to an offset and reads one run; null when it begins with the batch that the undamaged log has there.</summary>
    public string? FindSeekDifference(BrokerEngine engine, Partition partition, long offset, IsolationLevel isolation)
    {
        ReadOnlySpan<byte> rest = _batches[(partition.Name, isolation)];
        while (!rest.IsEmpty && BatchHeader.Read(rest) is var header && header.LastOffset < offset)
            rest = rest[header.SizeInBytes..];
        using var cursor = new PartitionCursor(partition, offset, isolation);
        var isRead = cursor.TryRead(1, out var run) == CursorStatus.Read;
        return isRead == !rest.IsEmpty && (!isRead || IsPrefix(run.Span, rest)) ? null : $"{partition.Name} ({isolation}): another batch at offset {offset}";
    }

    /// <summary>The first offset at or after a time, as a reader of all records finds it.</summary>
    public static long? FindByTime(BrokerEngine engine, Partition partition, long timestampMs)
    {
        using var cursor = new PartitionCursor(partition, partition.View.LogStart, IsolationLevel.ReadUncommitted);
        return cursor.FindOffset(timestampMs, engine.Decompressor());
    }

    public static List<BatchHeader> HeadersOf(ReadOnlySpan<byte> batches)
    {
        var headers = new List<BatchHeader>();
        foreach (var header in new BatchSequence(batches))
            headers.Add(header);
        return headers;
    }

    private static byte[] ReadAll(BrokerEngine engine, Partition partition, IsolationLevel isolation)
    {
        var batches = new ArrayBufferWriter<byte>();
        using var cursor = new PartitionCursor(partition, partition.View.LogStart, isolation);
        while (cursor.TryRead(RunBytes, out var run) == CursorStatus.Read)
            batches.Write(run.Span);
        return batches.WrittenSpan.ToArray();
    }

    private static byte[] StateOf(BrokerEngine engine)
    {
        var state = new ArrayBufferWriter<byte>(16 << 10);
        engine.State.Topics.WriteSnapshot(state);
        engine.State.Transactions.WriteSnapshot(state);
        engine.State.Groups.WriteSnapshot(state);
        engine.State.MessageIds.WriteSnapshot(state);
        foreach (var partition in engine.Partitions.InOrder())
            partition.State.WriteSnapshot(state);
        return state.WrittenSpan.ToArray();
    }

    private static bool IsPrefix(ReadOnlySpan<byte> run, ReadOnlySpan<byte> expected)
    {
        if (run.Length > expected.Length)
            return false;
        while (!run.IsEmpty)
        {
            var size = BinaryPrimitives.ReadInt32BigEndian(expected[BatchHeader.LengthAt..]) + BatchHeader.LengthOverhead;
            if (size > run.Length
                || !run[..BatchHeader.LeaderEpochAt].SequenceEqual(expected[..BatchHeader.LeaderEpochAt])
                || !run[BatchHeader.MagicAt..size].SequenceEqual(expected[BatchHeader.MagicAt..size]))
                return false;
            run = run[size..];
            expected = expected[size..];
        }
        return true;
    }
}
