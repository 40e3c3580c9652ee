using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Clients.Wire;

/// <summary>
/// What serving Kafka clients needs of a broker beside <see cref="BrokerBackend"/>: both transaction generations, classic groups with answers that wait,
/// consumer groups by heartbeat.
/// Made by <see cref="BrokerBackend.OpenWire"/>; one per endpoint, used from any thread. An answer completes when what it says can no longer be lost.
/// <para>
/// Exceptions: refusals are values, with Kafka's numbers. What is thrown is a <see cref="BrokerException"/> of a broker that cannot answer: closed, or its
/// journal failed (then the outcome of the call is unknown); and <see cref="OperationCanceledException"/> from the calls that take a token, which then have
/// changed the group all the same.
/// </para>
/// </summary>
/// <remarks>Errors are those of the newest request version; <see cref="WireErrors"/> has the words of older ones.</remarks>
internal abstract class WireBackend
{
    /// <summary>Tells this broker from others; the same after a restart. 22 characters, as Kafka writes it.</summary>
    public abstract string ClusterId { get; }

    /// <summary>
    /// Somebody looks for the coordinator of groups, or of transactional ids: its internal topic is there from then on, as tools expect. What it tells follows
    /// with time.
    /// </summary>
    public abstract void OpenCoordinator(bool isOfGroups);

    // Transactions

    public abstract ValueTask<ProducerAnswer> InitProducerIdAsync(InitProducerIdCall call);

    /// <summary>
    /// AddPartitionsToTxn of generation 1, all or nothing: an error per partition, in their order. One that is refused leaves the others at
    /// OperationNotAttempted.
    /// </summary>
    public abstract ValueTask<ErrorCode[]> AddPartitionsToTransactionAsync(TransactionCaller caller, IReadOnlyList<TopicPartition> partitions);

    /// <summary>AddOffsetsToTxn of generation 1.</summary>
    public abstract ValueTask<ErrorCode> AddOffsetsToTransactionAsync(TransactionCaller caller, string group);

    /// <summary>TxnOffsetCommit: pending until the transaction ends. An error per offset, in their order.</summary>
    public abstract ValueTask<ErrorCode[]> CommitTransactionOffsetsAsync(TransactionCaller caller, OffsetCommitCall call);

    /// <summary>EndTxn. With no error the identity is the one for the next transaction: of generation 2 a new epoch, of generation 1 the same.</summary>
    public abstract ValueTask<ProducerAnswer> EndTransactionAsync(TransactionCaller caller, bool commit);

    /// <summary>
    /// Produce of a transactional batch; every other batch goes to <see cref="BackendPartition.Append"/>, under whose rules this one stands too (what is
    /// Pending, who may run, when the bytes are free). Generation 1: TransactionAbortable where the partition was not added. Generation 2: adds it.
    /// </summary>
    public abstract AppendStatus AppendTransactional(BackendPartition partition, AppendOperation operation, in TransactionCaller caller);

    /// <summary>DescribeTransactions; null where the id is not known.</summary>
    public abstract ValueTask<WireTransaction?[]> DescribeTransactionsAsync(IReadOnlyList<string> transactionalIds);

    public abstract ValueTask<TransactionListing> ListTransactionsAsync(ListTransactionsCall call);

    /// <summary>DescribeProducers; null where the partition is not known.</summary>
    public abstract ValueTask<IReadOnlyList<PartitionProducer>?> DescribeProducersAsync(TopicPartition partition);

    // Classic groups

    /// <summary>JoinGroup. Waits until the group is ready, or the member is given up.</summary>
    public abstract ValueTask<JoinGroupAnswer> JoinGroupAsync(JoinGroupCall call, CancellationToken cancellationToken);

    /// <summary>SyncGroup. Waits for the leader.</summary>
    public abstract ValueTask<SyncGroupAnswer> SyncGroupAsync(SyncGroupCall call, CancellationToken cancellationToken);

    public abstract ValueTask<ErrorCode> HeartbeatAsync(GroupMember member, int generation);

    /// <summary>
    /// LeaveGroup of any number of members: an error for each, in their order. With an empty member id a static member goes by its instance id.
    /// </summary>
    public abstract ValueTask<ErrorCode[]> LeaveGroupAsync(string group, IReadOnlyList<LeavingMember> members);

    // Consumer groups (KIP-848)

    public abstract ValueTask<ConsumerHeartbeatAnswer> ConsumerGroupHeartbeatAsync(ConsumerHeartbeatCall call);

    public abstract ValueTask<ConsumerGroupDescription[]> DescribeConsumerGroupsAsync(IReadOnlyList<string> groups);

    // All groups

    /// <summary>An error per offset, in their order; one that concerns the caller stands at each.</summary>
    public abstract ValueTask<ErrorCode[]> CommitOffsetsAsync(OffsetCommitCall call);

    public abstract ValueTask<OffsetFetchAnswer> FetchOffsetsAsync(OffsetFetchCall call);

    public abstract ValueTask<ClassicGroupDescription[]> DescribeGroupsAsync(IReadOnlyList<string> groups);

    public abstract ValueTask<IReadOnlyList<GroupListing>> ListGroupsAsync();

    /// <summary>None, NonEmptyGroup or GroupIdNotFound.</summary>
    public abstract ValueTask<ErrorCode> DeleteGroupAsync(string group);

    /// <summary>OffsetDelete: an error for the whole call, or one per partition in their order.</summary>
    public abstract ValueTask<OffsetDeleteAnswer> DeleteOffsetsAsync(string group, IReadOnlyList<TopicPartition> partitions);
}
