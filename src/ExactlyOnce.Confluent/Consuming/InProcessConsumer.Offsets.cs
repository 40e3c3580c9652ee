namespace ExactlyOnce.Confluent.Consuming;

using global::Confluent.Kafka;

/// <summary>Positions: stored, committed, looked up and changed.</summary>
internal sealed partial class InProcessConsumer<TKey, TValue>
{
    public void StoreOffset(ConsumeResult<TKey, TValue> result)
    {
        ArgumentNullException.ThrowIfNull(result);
        StoreOffset(new TopicPartitionOffset(result.TopicPartition, result.Offset + 1));
    }

    public void StoreOffset(TopicPartitionOffset offset)
    {
        ArgumentNullException.ThrowIfNull(offset);
        lock (_lock)
        {
            ThrowIfClosed();
            Find(offset.TopicPartition).Stored = offset.Offset.Value;
        }
    }

    public List<TopicPartitionOffset> Commit()
    {
        lock (_lock)
        {
            ThrowIfClosed();
            var stored = StoredOffsets();
            if (stored.Count == 0)
                throw new KafkaException(new Error(ErrorCode.Local_NoOffset, "Local: No offset stored", isFatal: false));
            CommitStored(stored);
            return stored;
        }
    }

    public void Commit(IEnumerable<TopicPartitionOffset> offsets)
    {
        ArgumentNullException.ThrowIfNull(offsets);
        lock (_lock)
        {
            ThrowIfClosed();
            CommitAll([.. offsets]);
        }
    }

    public void Commit(ConsumeResult<TKey, TValue> result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Message is null)
            throw new InvalidOperationException("Attempt was made to commit offset corresponding to an empty consume result");
        Commit([new TopicPartitionOffset(result.TopicPartition, result.Offset + 1)]);
    }

    public void Seek(TopicPartitionOffset tpo)
    {
        ArgumentNullException.ThrowIfNull(tpo);
        lock (_lock)
        {
            ThrowIfClosed();
            var partition = Find(tpo.TopicPartition);
            partition.SeekTo(
                tpo.Offset == Offset.Beginning ? partition.Partition.ReadableFrom
                : tpo.Offset == Offset.End ? partition.End
                : tpo.Offset.Value >= 0 ? tpo.Offset.Value
                : throw new KafkaException(new Error(ErrorCode.Local_InvalidArg, $"Not an offset to seek to: {tpo.Offset}.", isFatal: false)));
        }
    }

    public void Pause(IEnumerable<TopicPartition> partitions) => SetPaused(partitions, isPaused: true);

    public void Resume(IEnumerable<TopicPartition> partitions)
    {
        SetPaused(partitions, isPaused: false);
        _signal.Set();
    }

    public Offset Position(TopicPartition partition)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            return _partitions.Find(own => own.Id == partition.ToBroker())?.Position ?? Offset.Unset;
        }
    }

    public List<TopicPartitionOffset> Committed(TimeSpan timeout) => Committed(Assignment, timeout);

    public List<TopicPartitionOffset> Committed(IEnumerable<TopicPartition> partitions, TimeSpan timeout)
    {
        ThrowIfClosed();
        var asked = partitions.ToList();
        List<TopicPartitionOffset> found = [];
        Try(() =>
        {
            var committed = Wait(Backend.FetchOffsetsAsync(_settings.Group, [.. asked.Select(partition => partition.ToBroker())], CancellationToken.None), timeout);
            found = [.. asked.Select(partition => new TopicPartitionOffset(partition, committed.TryGetValue(partition.ToBroker(), out var offset) ? offset.Offset : Offset.Unset))];
        });
        return found;
    }

    public List<TopicPartitionOffset> OffsetsForTimes(IEnumerable<TopicPartitionTimestamp> timestampsToSearch, TimeSpan timeout)
    {
        ThrowIfClosed();
        List<TopicPartitionOffset> found = [];
        Try(() => found = [.. timestampsToSearch.Select(search => new TopicPartitionOffset(
            search.TopicPartition,
            Backend.GetPartition(search.TopicPartition.ToBroker()).FindOffset(search.Timestamp.UnixTimestampMs, _settings.Isolation) ?? Offset.End))]);
        return found;
    }

    /// <summary>In process the marks are always at hand; the real client knows them once it has fetched.</summary>
    public WatermarkOffsets GetWatermarkOffsets(TopicPartition topicPartition) => QueryWatermarkOffsets(topicPartition, Timeout.InfiniteTimeSpan);

    public WatermarkOffsets QueryWatermarkOffsets(TopicPartition topicPartition, TimeSpan timeout)
    {
        ThrowIfClosed();
        WatermarkOffsets? marks = null;
        Try(() =>
        {
            var offsets = Backend.GetPartition(topicPartition.ToBroker()).Offsets;
            marks = new WatermarkOffsets(offsets.LogStart, offsets.HighWatermark);
        });
        return marks!;
    }

    private void SetPaused(IEnumerable<TopicPartition> partitions, bool isPaused)
    {
        ArgumentNullException.ThrowIfNull(partitions);
        lock (_lock)
        {
            ThrowIfClosed();
            foreach (var partition in partitions.ToList())
                Find(partition).IsPaused = isPaused;
        }
    }

    private OwnPartition Find(TopicPartition partition) =>
        _partitions.Find(own => own.Id == partition.ToBroker()) ?? throw new KafkaException(BrokerErrors.State($"{partition} is not assigned to this consumer."));

    private List<TopicPartitionOffset> StoredOffsets() =>
        [.. _partitions.Where(partition => partition.Stored is not null).Select(partition => new TopicPartitionOffset(partition.Id.ToClient(), partition.Stored!.Value))];

    // What could not be committed stays stored, for the next commit.
    private void CommitStored(List<TopicPartitionOffset> stored)
    {
        CommitAll(stored);
        foreach (var partition in _partitions)
            partition.Stored = null;
    }

    private void CommitAll(List<TopicPartitionOffset> offsets)
    {
        // Without an offset there is nothing to commit of a partition.
        var values = offsets.Where(offset => offset.Offset.Value >= 0)
            .ToDictionary(offset => offset.TopicPartition.ToBroker(), offset => new CommittedOffset(offset.Offset.Value));
        if (values.Count == 0)
            return;
        Try(() => Wait(
            _membership.Session is { } session
                ? session.CommitAsync(values, CancellationToken.None)
                : Backend.CommitOffsetsAsync(_settings.Group, values, CancellationToken.None),
            s_callTimeout));
    }

    private void AutoCommit()
    {
        _committedAt = Time.GetTimestamp();
        var stored = StoredOffsets();
        if (stored.Count == 0)
            return;
        Error? failure = null;
        try
        {
            CommitStored(stored);
        }
        catch (KafkaException exception)
        {
            // As the real client: nobody waits for a commit that nobody asked for; the handler is told.
            failure = exception.Error;
        }
        var error = failure ?? new Error(ErrorCode.NoError);
        _handlers.Committed?.Invoke(this, new CommittedOffsets([.. stored.Select(offset => new TopicPartitionOffsetError(offset, error))], error));
    }
}
