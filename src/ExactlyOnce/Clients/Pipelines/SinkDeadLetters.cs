using System.Security.Cryptography;
using System.Text;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>
/// The dead letters of a pipeline that ends in a sink, each published once. A partition's letters have a producer with an identity of their own, whose source
/// sequence is the offset of the record given up: the broker keeps the last one beside the letter. Whoever takes the partition over is told whether the record
/// at which the store stands is in the dead-letter topic already, and fences whoever had the partition before. Owned by one worker.
/// </summary>
/// <remarks>
/// A partition whose offset was set back in the store lies in front of letters of the past, and must be able to give up one of those records once more: it goes
/// on under the next generation of its identity. A topic that was deleted and made anew has another id, and so other identities.
/// </remarks>
internal sealed class SinkDeadLetters(Broker broker, string deadLetterTopic, string pipeline) : IAsyncDisposable
{
    private const int IdentityLengthMax = 249;

    private readonly DeadLetterTopic _topic = new(deadLetterTopic, pipeline);
    private readonly Dictionary<TopicPartition, RecordSender> _senders = [];

    /// <summary>Takes a partition's letters over. True when the record at the offset is one of them, and only the store does not know it.</summary>
    public async ValueTask<bool> TakeOverAsync(TopicPartition partition, long? nextOffset, CancellationToken cancellationToken)
    {
        if (_senders.Remove(partition, out var former))
            await former.Accumulator.DisposeAsync().ConfigureAwait(false);
        var opened = new List<RecordSender>();
        try
        {
            // Each generation there ever was is opened, so that nobody from before is left with one.
            do
                opened.Add(await OpenAsync(partition, opened.Count, cancellationToken).ConfigureAwait(false));
            while (LastOf(opened[^1]) >= 0);
            var last = opened.Count > 1 ? LastOf(opened[^2]) : -1;
            // The one that was used last; the one that was never used when there is none, or when the store stands in front of its last letter.
            var current = opened[last < 0 || !(last <= nextOffset) ? ^1 : ^2];
            opened.Remove(current);
            _senders.Add(partition, current);
            return last == nextOffset;
        }
        finally
        {
            foreach (var sender in opened)
                await sender.Accumulator.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Publishes a letter of a partition that was taken over.</summary>
    public async ValueTask PublishAsync(DeadLetter letter, CancellationToken cancellationToken) =>
        await _topic.PublishAsync(_senders[letter.Source], letter, broker.Backend.Time.GetUtcNow(), cancellationToken).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        foreach (var sender in _senders.Values)
            await sender.Accumulator.DisposeAsync().ConfigureAwait(false);
        _senders.Clear();
    }

    private static long LastOf(RecordSender sender) => sender.Accumulator.Source!.LastAcknowledged;

    private async ValueTask<RecordSender> OpenAsync(TopicPartition partition, int generation, CancellationToken cancellationToken)
    {
        var accumulator = new RecordAccumulator(broker.Backend, new ProducerSettings
        {
            Name = IdentityOf(partition, generation),
            AutoCreateTopics = broker.Options.AutoCreateTopics,
            CloseTimeout = broker.Options.CloseTimeout,
        });
        await accumulator.StartAsync(cancellationToken).ConfigureAwait(false);
        return new RecordSender(accumulator);
    }

    private string IdentityOf(TopicPartition partition, int generation)
    {
        var topic = broker.Backend.TryGetTopic(partition.Topic)?.Id ?? throw new UnknownTopicException($"The topic '{partition.Topic}' does not exist.");
        var identity = $"{pipeline}/{topic:N}-{partition.Partition}/dead-letters.{generation}";
        return identity.Length <= IdentityLengthMax ? identity : $"dead-letters/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)))}";
    }
}
