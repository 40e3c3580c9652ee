namespace ExactlyOnce.Testing.History;

/// <summary>What a call was answered with, beyond its outcome.</summary>
public abstract record Answer;

/// <summary>A record was written.</summary>
/// <param name="Offset">Where it stands.</param>
/// <param name="IsDuplicate">The broker knew it already.</param>
public sealed record WriteAnswer(long Offset, bool IsDuplicate = false) : Answer;

/// <summary>A transactional id was taken.</summary>
/// <param name="ProducerId">The producer id.</param>
/// <param name="Epoch">Its epoch.</param>
public sealed record ProducerAnswer(long ProducerId, int Epoch) : Answer
{
    /// <summary>
    /// By epoch under one producer id; under two by the ids, which only grow, because two answers may be heard in another order than they were given; by time
    /// when nobody said.
    /// </summary>
    internal static bool IsOlder(ProducerAnswer? answer, ProducerAnswer? other) =>
        answer is null || other is null || (answer.ProducerId == other.ProducerId ? answer.Epoch < other.Epoch : answer.ProducerId < other.ProducerId);
}

/// <summary>An offset, or −1 for none.</summary>
/// <param name="Offset">The offset.</param>
public sealed record OffsetAnswer(long Offset) : Answer;

/// <summary>Committed offsets; a partition without one is not among them.</summary>
/// <param name="Offsets">The next offset to read of each partition.</param>
public sealed record OffsetsAnswer(IReadOnlyDictionary<TopicPartition, long> Offsets) : Answer;

/// <summary>Records that were read, by partition.</summary>
/// <param name="Partitions">In the order read.</param>
public sealed record RecordsAnswer(IReadOnlyList<PartitionRead> Partitions) : Answer;

/// <summary>What was read of one partition.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Begin">The position before.</param>
/// <param name="End">The position after: every record in between that the reader may see is in <paramref name="Records"/>.</param>
/// <param name="Limit">The end that reader was allowed to see: the last stable offset for read_committed, the high watermark otherwise.</param>
/// <param name="Records">In offset order.</param>
public sealed record PartitionRead(TopicPartition Partition, long Begin, long End, long Limit, IReadOnlyList<ReadRecord> Records);

/// <summary>A record that was read.</summary>
/// <param name="Offset">Its offset.</param>
/// <param name="Value">The unique value; negative when the bytes are not those that were written with it (I4).</param>
/// <param name="TimestampMs">Its timestamp.</param>
public readonly record struct ReadRecord(long Offset, long Value, long TimestampMs = 0);
