using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// Everything that is not a partition's: topics, transactions, groups, message ids. <see cref="Lock"/> owns all of it; it is taken before any partition's lock
/// and never held over IO, user code or a wait. Live traffic and recovery change it through the same Apply methods.
/// </summary>
internal sealed class CoordinationState(
    TopicCatalog topics, TransactionCoordinatorState transactions, GroupCoordinatorState groups, MessageIdWindows messageIds, long appliedLsn)
{
    public Lock Lock { get; } = new();

    public TopicCatalog Topics { get; } = topics;

    public TransactionCoordinatorState Transactions { get; } = transactions;

    public GroupCoordinatorState Groups { get; } = groups;

    public MessageIdWindows MessageIds { get; } = messageIds;

    /// <summary>LSN of the last frame that changed something here; whoever answers from this state waits for it.</summary>
    public long AppliedLsn { get; set; } = appliedLsn;

    public void Apply(TransactionRecord record) => Transactions.Apply(record);

    // A frame's LSN is known only when it is complete. Nobody reads a group's own LSN: answers wait for AppliedLsn, which is never older.
    public void Apply(GroupRecord record) => Groups.Apply(record, AppliedLsn);

    public void Apply(TopicRecord record)
    {
        Topics.Apply(record);
        if (record is TopicRecord.Delete)
            MessageIds.Forget(record.Number);
    }

    public void Apply(MessageIdRecord record) => MessageIds.Apply(record);

    /// <summary>Applies a piece of a replayed frame; the frame's LSN is the caller's to note once all of them are applied.</summary>
    public void Replay(CoordinationPiece piece, ReadOnlySpan<byte> payload)
    {
        switch (piece)
        {
            case CoordinationPiece.Topic:
                Apply(TopicRecord.Read(payload));
                break;
            case CoordinationPiece.Transaction:
                Apply(TransactionRecordCodec.Read(payload));
                break;
            case CoordinationPiece.Group:
                Apply(GroupRecordCodec.Read(payload));
                break;
            case CoordinationPiece.MessageIds:
                Apply(MessageIdRecord.Read(payload));
                break;
            default:
                throw new InvalidDataException($"A coordination piece of unknown kind {(byte)piece}.");
        }
    }
}
