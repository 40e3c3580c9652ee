using ExactlyOnce.Clients;

namespace ExactlyOnce;

/// <summary>A topic that must be there.</summary>
internal sealed record TopicDeclaration(string Name, TopicOptions Options)
{
    /// <exception cref="InvalidRequestException">The topic has more partitions than declared.</exception>
    public async ValueTask EnsureAsync(BrokerBackend backend, CancellationToken cancellationToken)
    {
        var existing = backend.TryGetTopic(Name);
        if (existing is null)
        {
            await backend.CreateTopicAsync(Name, Options, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (existing.Partitions > Options.Partitions)
            throw new InvalidRequestException(
                ErrorCode.InvalidPartitions,
                $"The topic '{Name}' has {existing.Partitions} partitions and {Options.Partitions} are declared. Partitions cannot be taken away: declare {existing.Partitions}, or delete the topic.");
        if (existing.Partitions < Options.Partitions)
            await backend.AddPartitionsAsync(Name, Options.Partitions, cancellationToken).ConfigureAwait(false);
    }
}
