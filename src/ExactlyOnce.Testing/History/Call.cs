namespace ExactlyOnce.Testing.History;

/// <summary>What a client asked for.</summary>
public abstract record Call;

/// <summary>
/// One record is written. Values are unique over the whole history, so a value names its write; whoever writes the history stores the value in the record, with
/// a checksum over the rest of it, so that a reader who reports a value has also compared key, headers and timestamp.
/// </summary>
/// <param name="Partition">Where to.</param>
/// <param name="Value">The unique value.</param>
/// <param name="Session">The producer session that writes: a number that never stands for two sessions. Order is promised within a session and
/// partition.</param>
/// <param name="Transaction">The transaction it belongs to; null outside of transactions.</param>
/// <param name="Key">The record's key, for compacted topics; null when it has none.</param>
/// <param name="Source">The input record of which this is the output, in a transform; null otherwise.</param>
/// <param name="TimestampMs">The record's timestamp when the caller sets it.</param>
/// <param name="IsTombstone">A null value: the key is deleted by compaction.</param>
public sealed record Write(
    TopicPartition Partition,
    long Value,
    int Session,
    long? Transaction = null,
    string? Key = null,
    SourceRecord? Source = null,
    long? TimestampMs = null,
    bool IsTombstone = false) : Call;

/// <summary>The same batch once more: identity and sequence as before. Answered with the first one's offset, or refused.</summary>
/// <param name="Original">The operation number of the write that is repeated.</param>
public sealed record RetryWrite(long Original) : Call;

/// <summary>A transactional id is taken over (or taken for the first time).</summary>
/// <param name="TransactionalId">The id.</param>
/// <param name="Session">The session that begins if it succeeds.</param>
public sealed record InitProducer(string TransactionalId, int Session) : Call;

/// <summary>A transaction begins. Numbers never stand for two transactions.</summary>
/// <param name="Transaction">Its number.</param>
/// <param name="Session">The producer session.</param>
public sealed record BeginTransaction(long Transaction, int Session) : Call;

/// <summary>A transaction is prepared for a two-phase commit.</summary>
/// <param name="Transaction">Its number.</param>
public sealed record PrepareTransaction(long Transaction) : Call;

/// <summary>A transaction is ended. A history that never asked for a commit has aborted the transaction.</summary>
/// <param name="Transaction">Its number.</param>
/// <param name="IsCommit">Commit, or abort.</param>
public sealed record EndTransaction(long Transaction, bool IsCommit) : Call;

/// <summary>Positions of a group are committed: by themselves, or with a transaction.</summary>
/// <param name="Group">The group.</param>
/// <param name="Offsets">The next offset to read of each partition.</param>
/// <param name="Transaction">The transaction they are part of; null for a plain commit.</param>
/// <param name="Member">The member who commits, with the generation it believes in; null for a client outside of the group.</param>
public sealed record CommitOffsets(string Group, IReadOnlyDictionary<TopicPartition, long> Offsets, long? Transaction = null, GroupMembership? Member = null) : Call;

/// <summary>A group's stable committed offsets are asked for. Answered with <see cref="OffsetsAnswer"/>.</summary>
/// <param name="Group">The group.</param>
/// <param name="Partitions">Which partitions.</param>
public sealed record FetchOffsets(string Group, IReadOnlyList<TopicPartition> Partitions) : Call;

/// <summary>A consumer takes what comes next. Answered with <see cref="RecordsAnswer"/>.</summary>
/// <param name="Consumer">The consumer: a number that never stands for two. A new assignment or a seek makes a new consumer of it.</param>
/// <param name="IsCommitted">read_committed, else read_uncommitted.</param>
/// <param name="IsSnapshot">True when all partitions were read as of one moment: then transactions are whole in it.</param>
/// <param name="Transaction">The transaction that this read is an input of; null when it is none.</param>
public sealed record Poll(int Consumer, bool IsCommitted, bool IsSnapshot = false, long? Transaction = null) : Call;

/// <summary>Partitions are read from their start to their end by a new consumer. Answered with <see cref="RecordsAnswer"/>.</summary>
/// <param name="Partitions">Which partitions.</param>
/// <param name="IsCommitted">read_committed, else read_uncommitted.</param>
/// <param name="IsSnapshot">True when all partitions were read as of one moment: then transactions are whole in it.</param>
public sealed record Scan(IReadOnlyList<TopicPartition> Partitions, bool IsCommitted, bool IsSnapshot = false) : Call;

/// <summary>The offset of the first record at or after a time is asked for. Answered with <see cref="OffsetAnswer"/>.</summary>
/// <param name="Partition">Where.</param>
/// <param name="TimestampMs">Unix milliseconds.</param>
public sealed record ListOffsets(TopicPartition Partition, long TimestampMs) : Call;

/// <summary>Records in front of an offset are deleted. Answered with <see cref="OffsetAnswer"/>: the new log start.</summary>
/// <param name="Partition">Where.</param>
/// <param name="BeforeOffset">The first offset to keep.</param>
public sealed record DeleteRecords(TopicPartition Partition, long BeforeOffset) : Call;

/// <summary>
/// A topic is created, deleted or given more partitions. A deleted topic's partitions never return: a new topic of that name has a new incarnation in
/// <see cref="TopicPartition.Topic"/>.
/// </summary>
/// <param name="Topic">The topic, as histories name it.</param>
/// <param name="Change">What.</param>
/// <param name="Partitions">How many partitions it then has.</param>
public sealed record ChangeTopic(string Topic, TopicChange Change, int Partitions) : Call;

/// <summary>What is done to a topic.</summary>
public enum TopicChange
{
    /// <summary>It is created.</summary>
    Create,

    /// <summary>It gets more partitions.</summary>
    AddPartitions,

    /// <summary>It is deleted, with its records.</summary>
    Delete,
}

/// <summary>A record of which another one was made.</summary>
/// <param name="Group">The group whose position says what was transformed.</param>
/// <param name="Partition">Its partition.</param>
/// <param name="Offset">Its offset.</param>
public readonly record struct SourceRecord(string Group, TopicPartition Partition, long Offset);

/// <summary>A member of a group, as it sees itself.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="Generation">The generation (member epoch) it believes in.</param>
public readonly record struct GroupMembership(string MemberId, int Generation);
