namespace ExactlyOnce.Clients.Pipelines;

/// <summary>Where a pipeline's dead letters go, as bytes or as references: what stands in the log is moved as it is.</summary>
internal sealed class DeadLetterTopic(string name, string pipeline)
{
    private readonly Topic<byte[], byte[]> _bytes = Topic.Create(name, Serdes.Bytes, Serdes.Bytes);
    private readonly Topic<byte[], object> _references = Topic.Create(name, Serdes.Bytes, Serdes.Reference<object>());

    public ValueTask SendAsync(TransactionWriter transaction, DeadLetter letter, DateTimeOffset now, CancellationToken cancellationToken) => letter.Reference is { } reference
        ? transaction.SendAsync(_references, letter.ToRecord(reference, pipeline, now), cancellationToken)
        : transaction.SendAsync(_bytes, letter.ToRecord(letter.Value!, pipeline, now), cancellationToken);

    public ValueTask<RecordMetadata> PublishAsync(Broker broker, DeadLetter letter, DateTimeOffset now, CancellationToken cancellationToken) => letter.Reference is { } reference
        ? broker.PublishAsync(_references, letter.ToRecord(reference, pipeline, now), cancellationToken)
        : broker.PublishAsync(_bytes, letter.ToRecord(letter.Value!, pipeline, now), cancellationToken);
}
