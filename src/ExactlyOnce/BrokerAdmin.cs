using ExactlyOnce.Clients;

namespace ExactlyOnce;

/// <summary>Looks after a broker: topics, prepared transactions, consumer groups. Thread-safe.</summary>
public sealed class BrokerAdmin
{
    private readonly BrokerBackend _backend;

    internal BrokerAdmin(BrokerBackend backend) => _backend = backend;

    // Topics

    /// <summary>Creates a topic.</summary>
    /// <param name="topic">1 to 249 letters, digits, '.', '_' or '-'.</param>
    /// <param name="configure">Sets its options; null for defaults.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidRequestException">The topic exists, or an option is not valid.</exception>
    public async Task<TopicDescription> CreateTopicAsync(
        string topic, Action<TopicOptions>? configure = null, CancellationToken cancellationToken = default)
    {
        Topic.ValidateName(topic, nameof(topic));
        var options = new TopicOptions();
        configure?.Invoke(options);
        return await _backend.CreateTopicAsync(topic, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes sure that a topic exists: created when missing, grown when it has fewer partitions; more partitions than declared are refused.</summary>
    /// <param name="topic">1 to 249 letters, digits, '.', '_' or '-'.</param>
    /// <param name="configure">Sets the options a new topic gets, and the number of partitions; null for defaults.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidRequestException">The topic has more partitions than declared, or an option is not valid.</exception>
    public async Task EnsureTopicAsync(string topic, Action<TopicOptions>? configure = null, CancellationToken cancellationToken = default)
    {
        Topic.ValidateName(topic, nameof(topic));
        var options = new TopicOptions();
        configure?.Invoke(options);
        cancellationToken.ThrowIfCancellationRequested();
        await new TopicDeclaration(topic, options).EnsureAsync(_backend, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes a topic with everything in it. Open transactions that wrote to it can only be aborted.</summary>
    /// <param name="topic">The topic's name.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="UnknownTopicException">There is no such topic.</exception>
    public async Task DeleteTopicAsync(string topic, CancellationToken cancellationToken = default)
    {
        Topic.ValidateName(topic, nameof(topic));
        await _backend.DeleteTopicAsync(topic, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The topic as it stands; null when there is none.</summary>
    /// <param name="topic">The topic's name.</param>
    /// <exception cref="BrokerClosedException">The broker is closed.</exception>
    public TopicDescription? DescribeTopic(string topic)
    {
        Topic.ValidateName(topic, nameof(topic));
        return _backend.TryGetTopic(topic);
    }

    /// <summary>All topics, the broker's own among them (<see cref="TopicDescription.IsInternal"/>).</summary>
    public IReadOnlyList<TopicDescription> ListTopics() => _backend.ListTopics();

    /// <summary>
    /// Adds partitions. Keys are spread over all of them from then on, so that a key's later records may stand in another partition than its earlier ones.
    /// </summary>
    /// <param name="topic">The topic's name.</param>
    /// <param name="partitions">The new number of partitions, above the present one.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidRequestException">Not more partitions than there are.</exception>
    public async Task AddPartitionsAsync(string topic, int partitions, CancellationToken cancellationToken = default)
    {
        Topic.ValidateName(topic, nameof(topic));
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        await _backend.AddPartitionsAsync(topic, partitions, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Changes a topic's options; those that <paramref name="configure"/> leaves alone stay as they are.</summary>
    /// <param name="topic">The topic's name.</param>
    /// <param name="configure">Changes the options. The number of partitions is changed by <see cref="AddPartitionsAsync"/> only.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="UnknownTopicException">There is no such topic.</exception>
    /// <exception cref="InvalidRequestException">An option is not valid, or the number of partitions was changed.</exception>
    public async Task AlterTopicAsync(string topic, Action<TopicOptions> configure, CancellationToken cancellationToken = default)
    {
        var known = Require(topic);
        ArgumentNullException.ThrowIfNull(configure);
        var options = known.Options.Clone();
        options.Partitions = known.Partitions;
        configure(options);
        if (options.Partitions != known.Partitions)
            throw new InvalidRequestException(
                ErrorCode.InvalidPartitions, $"The topic '{topic}' has {known.Partitions} partitions; change their number with AddPartitionsAsync.");
        await _backend.AlterTopicAsync(topic, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes the records in front of an offset.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="beforeOffset">The first offset to keep.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The first offset kept.</returns>
    public async Task<long> DeleteRecordsAsync(TopicPartition partition, long beforeOffset, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(beforeOffset);
        RequirePartition(partition);
        return await _backend.DeleteRecordsAsync(partition, beforeOffset, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes every record of a partition that is durable now.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The first offset kept.</returns>
    public async Task<long> DeleteAllRecordsAsync(TopicPartition partition, CancellationToken cancellationToken = default)
    {
        RequirePartition(partition);
        return await _backend.DeleteRecordsAsync(partition, beforeOffset: -1, cancellationToken).ConfigureAwait(false);
    }

    // Transactions

    /// <summary>
    /// The transactions that are open: begun and not ended, oldest first. One that stays here holds back every read_committed reader of its partitions until it
    /// ends or its timeout comes.
    /// </summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public async Task<IReadOnlyList<TransactionDescription>> ListOpenTransactionsAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return await _backend.ListOpenAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Aborts the open transaction of a transactional id and fences its producer, which is told by whom: for one that hangs. A prepared one is not touched.
    /// </summary>
    /// <param name="transactionalId">The transactional id.</param>
    /// <param name="cancellationToken">Stops the waiting, not the abort.</param>
    /// <exception cref="InvalidRequestException">Nothing is open under this id, or it is prepared: then resolve it by its token.</exception>
    public async Task AbortTransactionAsync(string transactionalId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(transactionalId);
        cancellationToken.ThrowIfCancellationRequested();
        await _backend.AbortOpenAsync(transactionalId, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The transactions that are prepared and wait for their decision.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public async Task<IReadOnlyList<PreparedTransaction>> ListPreparedTransactionsAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return await _backend.ListPreparedAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Commits a prepared transaction. Doing it again succeeds.</summary>
    /// <param name="token">The token that <see cref="Transaction.PrepareAsync"/> answered.</param>
    /// <param name="cancellationToken">Stops the waiting, not the commit.</param>
    /// <exception cref="InvalidRequestException">The transaction was aborted, or is not known.</exception>
    public Task CommitPreparedAsync(string token, CancellationToken cancellationToken = default) => ResolveAsync(token, commit: true, cancellationToken);

    /// <summary>Aborts a prepared transaction. Doing it again succeeds.</summary>
    /// <param name="token">The token that <see cref="Transaction.PrepareAsync"/> answered.</param>
    /// <param name="cancellationToken">Stops the waiting, not the abort.</param>
    /// <exception cref="InvalidRequestException">The transaction was committed, or is not known.</exception>
    public Task AbortPreparedAsync(string token, CancellationToken cancellationToken = default) => ResolveAsync(token, commit: false, cancellationToken);

    /// <summary>What became of a transaction; <see cref="TransactionOutcomeUnknownException"/> carries the three values that name it.</summary>
    /// <param name="transactionalId">The producer's transactional id.</param>
    /// <param name="producerId">The producer id.</param>
    /// <param name="epoch">The epoch the transaction was written under.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public async Task<TransactionOutcome> GetTransactionOutcomeAsync(
        string transactionalId, long producerId, short epoch, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(transactionalId);
        ArgumentOutOfRangeException.ThrowIfNegative(producerId);
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        cancellationToken.ThrowIfCancellationRequested();
        return await _backend.GetOutcomeAsync(transactionalId, producerId, epoch, cancellationToken).ConfigureAwait(false);
    }

    // Groups

    /// <summary>The consumer groups that have members or offsets.</summary>
    public IReadOnlyList<string> ListGroups() => _backend.ListGroups();

    /// <summary>A group's committed offsets for all partitions of a topic; partitions without one are absent.</summary>
    /// <param name="group">The group.</param>
    /// <param name="topic">The topic's name.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public async Task<IReadOnlyDictionary<TopicPartition, CommittedOffset>> GetGroupOffsetsAsync(
        string group, string topic, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(group);
        cancellationToken.ThrowIfCancellationRequested();
        var partitions = new List<TopicPartition>();
        for (var i = 0; i < Require(topic).Partitions; i++)
            partitions.Add(new TopicPartition(topic, i));
        return await _backend.FetchOffsetsAsync(group, partitions, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sets a group's offset in a partition, forward or back. The group must have no members.</summary>
    /// <param name="group">The group.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="offset">The next offset to read.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="BrokerException">The group has members.</exception>
    public async Task ResetGroupOffsetAsync(string group, TopicPartition partition, long offset, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(group);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        RequirePartition(partition);
        var offsets = new Dictionary<TopicPartition, CommittedOffset> { [partition] = new(offset) };
        await _backend.CommitOffsetsAsync(group, offsets, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Sets a group's offsets in all partitions of a topic to the first record at or after a time; to the end where there is none. The group must have no
    /// members.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="topic">The topic's name.</param>
    /// <param name="time">The time; <see cref="DateTimeOffset.UnixEpoch"/> for the beginning, <see cref="DateTimeOffset.MaxValue"/> for the end.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>The offsets that were set.</returns>
    /// <exception cref="BrokerException">The group has members.</exception>
    public async Task<IReadOnlyDictionary<TopicPartition, CommittedOffset>> ResetGroupOffsetsAsync(
        string group, string topic, DateTimeOffset time, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(group);
        var offsets = new Dictionary<TopicPartition, CommittedOffset>();
        for (var i = 0; i < Require(topic).Partitions; i++)
        {
            var partition = _backend.GetPartition(new TopicPartition(topic, i));
            var found = partition.FindOffset(time.ToUnixTimeMilliseconds(), IsolationLevel.ReadCommitted);
            offsets.Add(partition.Id, new CommittedOffset(found ?? partition.EndOffset(IsolationLevel.ReadCommitted)));
        }
        await _backend.CommitOffsetsAsync(group, offsets, cancellationToken).ConfigureAwait(false);
        return offsets;
    }

    /// <summary>Forgets a group and its offsets. The group must have no members.</summary>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="BrokerException">The group has members, or is not known.</exception>
    public async Task DeleteGroupAsync(string group, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(group);
        await _backend.DeleteGroupAsync(group, cancellationToken).ConfigureAwait(false);
    }

    private async Task ResolveAsync(string token, bool commit, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(token);
        await _backend.ResolvePreparedAsync(token, commit, cancellationToken).ConfigureAwait(false);
    }

    private TopicDescription Require(string topic)
    {
        Topic.ValidateName(topic, nameof(topic));
        return _backend.TryGetTopic(topic) ?? throw new UnknownTopicException($"There is no topic '{topic}'.");
    }

    private void RequirePartition(TopicPartition partition)
    {
        var topic = Require(partition.Topic);
        if ((uint)partition.Partition >= (uint)topic.Partitions)
            throw new UnknownTopicException($"The topic '{partition.Topic}' has {topic.Partitions} partitions; there is no partition {partition.Partition}.");
    }
}
