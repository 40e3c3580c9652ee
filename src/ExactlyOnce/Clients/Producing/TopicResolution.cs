namespace ExactlyOnce.Clients.Producing;

/// <summary>Finds a topic that is about to be used, creating it on first use when that is allowed.</summary>
internal static class TopicResolution
{
    /// <exception cref="UnknownTopicException">There is no such topic and it may not be created.</exception>
    public static async ValueTask<TopicDescription> ResolveAsync(BrokerBackend backend, string topic, bool mayCreate, CancellationToken cancellationToken)
    {
        if (backend.TryGetTopic(topic) is { } known)
            return known;
        if (!mayCreate)
            throw new UnknownTopicException($"There is no topic '{topic}', and AutoCreateTopics is off: declare it with AddTopic or create it with Admin.CreateTopicAsync.");
        try
        {
            return await backend.CreateTopicAsync(topic, new TopicOptions(), cancellationToken).ConfigureAwait(false);
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.TopicAlreadyExists)
        {
            return backend.TryGetTopic(topic)
                ?? throw new UnknownTopicException($"The topic '{topic}' was deleted while it was being opened.");
        }
    }
}
