using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>Where a pipeline's dead letters go, as bytes or as references: what stands in the log is moved as it is.</summary>
internal sealed class DeadLetterTopic(string name, string pipeline)
{
    private readonly Topic<byte[], byte[]> _bytes = Topic.Create(name, Serdes.Bytes, Serdes.Bytes);
    private readonly Topic<byte[], object> _references = Topic.Create(name, Serdes.Bytes, Serdes.Reference<object>());

    public ValueTask SendAsync(TransactionWriter transaction, DeadLetter letter, DateTimeOffset now, CancellationToken cancellationToken) => letter.Reference is { } reference
        ? transaction.SendAsync(_references, letter.ToRecord(reference, pipeline, now), cancellationToken)
        : transaction.SendAsync(_bytes, letter.ToRecord(letter.Value!, pipeline, now), cancellationToken);

    /// <summary>Through a producer with an identity, for which the offset of the letter's record is its number.</summary>
    public ValueTask<RecordMetadata> PublishAsync(RecordSender sender, DeadLetter letter, DateTimeOffset now, CancellationToken cancellationToken) =>
        letter.Reference is { } reference
            ? sender.SendAsync(_references, letter.ToRecord(reference, pipeline, now) with { SourceSequence = letter.Offset }, cancellationToken)
            : sender.SendAsync(_bytes, letter.ToRecord(letter.Value!, pipeline, now) with { SourceSequence = letter.Offset }, cancellationToken);
}
