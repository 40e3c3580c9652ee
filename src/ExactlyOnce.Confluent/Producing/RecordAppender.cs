using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Confluent.Producing;

/// <summary>
/// Appends records under one producer identity, each as a batch of its own, numbered per partition. Idempotent whatever the configuration says: nobody in
/// process is worse off for it. Thread-safe; order is the order of the calls.
/// </summary>
internal sealed class RecordAppender(Broker broker)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ExactlyOnce.TopicPartition, BackendPartition> _partitions = [];
    private readonly Dictionary<ExactlyOnce.TopicPartition, int> _sequences = [];
    private ProducerSession? _session;
    private int _pending;

    public BrokerBackend Backend => broker.Backend;

    public ProducerSession? Session => _session;

    /// <summary>Appends that have not been answered.</summary>
    public int PendingCount => Volatile.Read(ref _pending);

    public int PartitionsOf(string topic)
    {
        var found = Backend.TryGetTopic(topic);
        if (found is null && broker.Options.AutoCreateTopics)
            found = TopicResolution.ResolveAsync(Backend, topic, mayCreate: true, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return found?.Partitions ?? throw new UnknownTopicException($"There is no topic '{topic}', and the broker does not create topics by use (BrokerOptions.AutoCreateTopics).");
    }

    /// <summary>Takes an identity: of its own, or the transactional id's, which fences its former holder.</summary>
    public async ValueTask OpenAsync(ProducerRequest request)
    {
        var session = await Backend.InitProducerAsync(request, CancellationToken.None).ConfigureAwait(false);
        lock (_lock)
        {
            _session = session;
            _sequences.Clear();
        }
    }

    /// <summary>A transaction has ended: its successor has another epoch and counts from the beginning.</summary>
    public void Restart()
    {
        lock (_lock)
            _sequences.Clear();
    }

    public PendingAppend Append(ExactlyOnce.TopicPartition id, byte[]? key, byte[]? value, RecordHeaders headers, long timestampMs, bool isTransactional)
    {
        lock (_lock)
        {
            // In memory this is answered at once; on a disk the first record of a producer waits for its number.
            _session ??= Backend.InitProducerAsync(new ProducerRequest(), CancellationToken.None).AsTask().GetAwaiter().GetResult();
            var partition = Find(id);
            var sequence = _sequences.GetValueOrDefault(id);
            var operation = Seal(partition, key, value, headers, timestampMs, sequence, isTransactional);
            Interlocked.Increment(ref _pending);
            var status = partition.Append(operation);
            // A refusal uses up no number.
            if (status == AppendStatus.Pending || (status == AppendStatus.Completed && operation.Outcome.Error == ExactlyOnce.ErrorCode.None))
                _sequences[id] = Sequence.Next(sequence);
            else if (status == AppendStatus.Completed && operation.Outcome.Error == ExactlyOnce.ErrorCode.UnknownTopicOrPartition)
                _partitions.Remove(id);
            if (status == AppendStatus.Completed)
                operation.OnCompleted();
            operation.Completion.ContinueWith((_, _) => Interlocked.Decrement(ref _pending), null, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return operation;
        }
    }

    private BackendPartition Find(ExactlyOnce.TopicPartition id)
    {
        if (!_partitions.TryGetValue(id, out var partition) || partition.IsDeleted)
            _partitions[id] = partition = Backend.GetPartition(id);
        return partition;
    }

    private PendingAppend Seal(BackendPartition partition, byte[]? key, byte[]? value, RecordHeaders headers, long timestampMs, int sequence, bool isTransactional)
    {
        var batch = new BatchWriter(512);
        if (!batch.TryAppend(timestampMs, key, key is not null, value, value is not null, headers, int.MaxValue))
            throw new InvalidOperationException("A batch without limit has refused a record.");
        var header = batch.Seal(_session!.Identity, sequence, isTransactional ? BatchAttributes.Transactional : BatchAttributes.None, codec: null);
        var operation = new PendingAppend { Session = _session, Partition = partition };
        operation.Sign(header, batch.Bytes);
        return operation;
    }
}
