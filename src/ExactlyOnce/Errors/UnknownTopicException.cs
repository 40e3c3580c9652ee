namespace ExactlyOnce;

/// <summary>There is no such topic or partition, and it may not be created by using it (<see cref="BrokerOptions.AutoCreateTopics"/>).</summary>
public sealed class UnknownTopicException : InvalidRequestException
{
    /// <summary>Creates the exception.</summary>
    public UnknownTopicException(string message)
        : base(ErrorCode.UnknownTopicOrPartition, message)
    {
    }
}
