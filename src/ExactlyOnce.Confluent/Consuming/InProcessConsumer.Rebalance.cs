namespace ExactlyOnce.Confluent.Consuming;

using global::Confluent.Kafka;

/// <summary>Partitions that come and go, by the group or by the application, and the handlers that are told.</summary>
internal sealed partial class InProcessConsumer<TKey, TValue>
{
    public void Assign(TopicPartition partition) => Assign([partition]);

    public void Assign(TopicPartitionOffset partition) => Assign([partition]);

    public void Assign(IEnumerable<TopicPartition> partitions) => Assign(partitions.Select(partition => new TopicPartitionOffset(partition, Offset.Unset)));

    public void Assign(IEnumerable<TopicPartitionOffset> partitions)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            Drop(_partitions);
            Try(() => Add([.. partitions]));
        }
    }

    public void IncrementalAssign(IEnumerable<TopicPartition> partitions) =>
        IncrementalAssign(partitions.Select(partition => new TopicPartitionOffset(partition, Offset.Unset)));

    public void IncrementalAssign(IEnumerable<TopicPartitionOffset> partitions)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            Try(() => Add([.. partitions]));
        }
    }

    public void IncrementalUnassign(IEnumerable<TopicPartition> partitions)
    {
        lock (_lock)
        {
            ThrowIfClosed();
            Drop([.. partitions.Select(Find)]);
        }
    }

    public void Unassign()
    {
        lock (_lock)
        {
            ThrowIfClosed();
            Drop(_partitions);
        }
    }

    private void Rebalance()
    {
        if (!_membership.IsChangePending)
            return;
        // Eager: everything is given up before anything is known, so that its offsets are committed by whoever still owns it.
        if (!_settings.IsCooperative)
            RevokeAll();
        IReadOnlyList<ExactlyOnce.TopicPartition>? own;
        try
        {
            own = _membership.Reconcile();
        }
        catch (BrokerException exception) when (exception.Recovery == ErrorRecovery.RecreateClient)
        {
            LoseAll(exception);
            return;
        }
        if (own is not null)
            TakeOver(own);
        TellMissing();
    }

    private void TakeOver(IReadOnlyList<ExactlyOnce.TopicPartition> own)
    {
        Revoke([.. _partitions.Where(partition => !own.Contains(partition.Id))]);
        var gained = own.Where(id => !_partitions.Exists(partition => partition.Id == id)).Select(id => id.ToClient()).ToList();
        if (gained.Count > 0 || !_settings.IsCooperative)
            Add([.. _handlers.Assigned?.Invoke(this, gained) ?? gained.Select(partition => new TopicPartitionOffset(partition, Offset.Unset))]);
        _membership.Settle();
    }

    private void TellMissing()
    {
        var missing = _membership.Missing.Except(_toldMissing).ToList();
        _toldMissing = _membership.Missing;
        if (missing.Count > 0)
            throw new ConsumeException(
                new ConsumeResult<byte[], byte[]> { TopicPartitionOffset = new TopicPartitionOffset(missing[0], Partition.Any, Offset.Unset) },
                new Error(ErrorCode.UnknownTopicOrPart, $"Subscribed topic not available: {string.Join(", ", missing)}: Broker: Unknown topic or partition"));
    }

    private void LoseAll(BrokerException exception)
    {
        var lost = Positions(_partitions);
        Drop(_partitions);
        _membership.Lose();
        _ = (_handlers.Lost ?? _handlers.Revoked)?.Invoke(this, lost);
        var error = BrokerErrors.ToError(exception);
        if (!error.IsFatal)
            return;
        _handlers.Failed?.Invoke(this, error);
        throw new KafkaException(error, exception);
    }

    private void RevokeAll()
    {
        if (_partitions.Count > 0 && _membership.Session is not null)
            Revoke([.. _partitions]);
        else if (_settings.IsAutoCommit)
            AutoCommit();
        Drop(_partitions);
    }

    private void Revoke(List<OwnPartition> partitions)
    {
        if (partitions.Count == 0)
            return;
        if (_settings.IsAutoCommit)
            AutoCommit();
        // What the handler answers would be assigned instead; without one nothing is.
        var kept = _handlers.Revoked?.Invoke(this, Positions(partitions))?.ToList() ?? [];
        Drop(partitions);
        Add(kept);
    }

    private void Drop(List<OwnPartition> partitions)
    {
        foreach (var partition in partitions.ToArray())
        {
            partition.Dispose();
            _partitions.Remove(partition);
        }
    }

    private void Add(List<TopicPartitionOffset> partitions)
    {
        var ids = partitions.Select(partition => partition.TopicPartition.ToBroker()).Where(id => !_partitions.Exists(own => own.Id == id)).ToList();
        if (ids.Count == 0)
            return;
        var committed = Wait(Backend.FetchOffsetsAsync(_settings.Group, ids, CancellationToken.None), s_callTimeout);
        foreach (var partition in partitions)
        {
            var id = partition.TopicPartition.ToBroker();
            if (_partitions.Exists(own => own.Id == id))
                continue;
            var found = Backend.GetPartition(id);
            var start = partition.Offset.Value switch
            {
                >= 0 => partition.Offset.Value,
                _ when partition.Offset == Offset.Beginning => found.ReadableFrom,
                _ when partition.Offset == Offset.End => Clients.BackendPartitionReading.EndOffset(found, _settings.Isolation),
                _ => committed.TryGetValue(id, out var offset) ? offset.Offset : StartWithout(found),
            };
            _partitions.Add(new OwnPartition(found, start, _settings.Reset, _settings.Isolation));
        }
    }

    private long StartWithout(Clients.BackendPartition partition) => _settings.Reset switch
    {
        OffsetReset.Earliest => partition.ReadableFrom,
        OffsetReset.Latest => Clients.BackendPartitionReading.EndOffset(partition, _settings.Isolation),
        _ => throw new ConsumeException(
            new ConsumeResult<byte[], byte[]> { TopicPartitionOffset = new TopicPartitionOffset(partition.Id.ToClient(), Offset.Unset) },
            new Error(ErrorCode.Local_AutoOffsetReset, $"No offset of group '{_settings.Group}' is committed for {partition.Id}, and auto.offset.reset is error.")),
    };

    private static List<TopicPartitionOffset> Positions(IEnumerable<OwnPartition> partitions) =>
        [.. partitions.Select(partition => new TopicPartitionOffset(partition.Id.ToClient(), partition.Position ?? Offset.Unset))];
}
