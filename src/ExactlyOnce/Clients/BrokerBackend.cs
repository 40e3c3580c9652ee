using System.IO.Pipelines;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Wire;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients;

/// <summary>
/// The one seam between the client library and a broker. Implemented by the in-process engine, a Kafka cluster and the simulator's lossy wrapper.
/// Exceptions: asynchronous members throw <see cref="BrokerException"/>s; <see cref="BackendPartition.Append"/> answers with an outcome instead.
/// </summary>
internal abstract class BrokerBackend : IAsyncDisposable
{
    public abstract TimeProvider Time { get; }

    public abstract ILoggerFactory LoggerFactory { get; }

    /// <summary>Where completions that may reach user code run.</summary>
    public abstract PipeScheduler Completions { get; }

    /// <summary>What stopped the broker from writing, for good; null while it writes.</summary>
    public virtual StorageException? Failure => null;

    /// <summary>Compresses and decompresses; only gzip unless codecs were added.</summary>
    public abstract ICompressionCodec GetCodec(CompressionType type);

    // Topics

    public abstract TopicDescription? TryGetTopic(string topic);

    /// <summary>The topic with this id.</summary>
    public virtual TopicDescription? TryGetTopic(Guid id) => ListTopics().FirstOrDefault(topic => topic.Id == id);

    public abstract IReadOnlyList<TopicDescription> ListTopics();

    /// <exception cref="BrokerException">TopicAlreadyExists, InvalidTopic, InvalidConfig.</exception>
    public abstract ValueTask<TopicDescription> CreateTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken);

    public abstract ValueTask AlterTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken);

    public abstract ValueTask AddPartitionsAsync(string topic, int partitions, CancellationToken cancellationToken);

    public abstract ValueTask DeleteTopicAsync(string topic, CancellationToken cancellationToken);

    /// <summary>Deletes the records in front of <paramref name="beforeOffset"/> (−1: all up to the high watermark); answers the new log start offset.</summary>
    public abstract ValueTask<long> DeleteRecordsAsync(TopicPartition partition, long beforeOffset, CancellationToken cancellationToken);

    /// <exception cref="BrokerException">UnknownTopicOrPartition.</exception>
    public abstract BackendPartition GetPartition(TopicPartition partition);

    // Producers and transactions

    /// <summary>
    /// Allocates or takes over a producer identity. For a name or a transactional id this fences every older holder and aborts what it left open.
    /// </summary>
    public abstract ValueTask<ProducerSession> InitProducerAsync(ProducerRequest request, CancellationToken cancellationToken);

    /// <summary>About the most bytes that <see cref="AppendNamed"/> takes in one step.</summary>
    public virtual long NamedAppendBytesMax => long.MaxValue;

    /// <summary>
    /// Appends the batches of a named producer, to any number of partitions, as one atomic step that also records <paramref name="lastSourceSequence"/>
    /// as the producer's last. All operations get the same fate. Completed or pending as in <see cref="BackendPartition.Append"/>: when Pending,
    /// every operation is completed through <see cref="AppendOperation.OnCompleted"/>.
    /// </summary>
    public abstract AppendStatus AppendNamed(ProducerSession session, IReadOnlyList<AppendOperation> operations, long lastSourceSequence);

    /// <summary>
    /// Ends the session's open transaction: markers, offsets and the decision in one atomic step. Updates the session's identity (the epoch is bumped,
    /// sequences restart at 0).
    /// A transaction that wrote nothing and has no offsets costs nothing. Once started it runs to its end whatever the caller does.
    /// </summary>
    public abstract ValueTask EndTransactionAsync(ProducerSession session, bool commit, IReadOnlyList<TransactionOffsets> offsets);

    /// <summary>
    /// Appends a transaction's last batches, one a partition, and commits it, all in one atomic step. False, and nothing has happened, when the backend cannot
    /// do that, or when anything of it would be refused: the caller then appends them one by one and ends the transaction, and is told why. When true, every
    /// operation has its outcome. The batches' bytes may be reused when the task has completed.
    /// </summary>
    public virtual ValueTask<bool> TryCommitAsync(ProducerSession session, IReadOnlyList<AppendOperation> batches, IReadOnlyList<TransactionOffsets> offsets) => new(false);

    /// <summary>First phase of a two-phase commit: everything, offsets included, becomes durable and stays undecided until the token is resolved.</summary>
    public abstract ValueTask<string> PrepareTransactionAsync(ProducerSession session, IReadOnlyList<TransactionOffsets> offsets);

    /// <summary>Second phase; idempotent. A token whose outcome is remembered and differs is refused (InvalidTransactionState).</summary>
    public abstract ValueTask ResolvePreparedAsync(string token, bool commit, CancellationToken cancellationToken);

    public abstract ValueTask<IReadOnlyList<PreparedTransaction>> ListPreparedAsync(CancellationToken cancellationToken);

    /// <summary>Transactions that are begun and neither ended nor prepared, oldest first.</summary>
    public virtual ValueTask<IReadOnlyList<TransactionDescription>> ListOpenAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Aborts an open transaction from outside and fences its producer.</summary>
    public virtual ValueTask AbortOpenAsync(string transactionalId, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>The remembered outcome of the transaction that (transactional id, producer id, epoch) names.</summary>
    public abstract ValueTask<TransactionOutcome> GetOutcomeAsync(string transactionalId, long producerId, short epoch, CancellationToken cancellationToken);

    // Groups

    public abstract ValueTask<GroupSession> JoinGroupAsync(GroupJoinRequest request, CancellationToken cancellationToken);

    /// <summary>Committed offsets; waits while an open transaction holds one of them. A partition without one is absent from the answer.</summary>
    public abstract ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FetchOffsetsAsync(
        string group, IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken);

    /// <summary>Commits for a group without members (tools, resets, consumers that assign themselves).</summary>
    public abstract ValueTask CommitOffsetsAsync(
        string group, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken);

    public abstract ValueTask DeleteGroupAsync(string group, CancellationToken cancellationToken);

    public abstract IReadOnlyList<string> ListGroups();

    // Handlers

    /// <summary>
    /// A pipeline or a subscription is about to call its handler. What this throws counts as thrown by the handler; <see cref="LeaveHandler"/> then does not
    /// follow. A test kit sees here that somebody is at work.
    /// </summary>
    /// <param name="client">The pipeline's transactional id or name; null for a subscription.</param>
    /// <param name="partition">Where the records come from.</param>
    public virtual void EnterHandler(string? client, TopicPartition partition)
    {
    }

    /// <summary>
    /// Where a caller whose handler has returned, or thrown, goes on before it calls <see cref="LeaveHandler"/>; null for where it is. A test kit takes what a
    /// handler has left on another thread, because it waited for something there, back to its own steps.
    /// </summary>
    public virtual PipeScheduler? BehindHandler => null;

    /// <summary>The handler has returned, or thrown. What this throws after a success counts as thrown by the handler.</summary>
    public virtual void LeaveHandler(string? client, TopicPartition partition, bool isSuccess)
    {
    }

    /// <summary>What serving Kafka clients needs beside all this; only a broker in this process has it.</summary>
    public virtual WireBackend OpenWire(WireSettings settings) => throw new NotSupportedException();

    public abstract ValueTask DisposeAsync();
}
