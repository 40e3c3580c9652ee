namespace ExactlyOnce;

/// <summary>A record's timestamp lies further ahead of the broker's clock than the topic allows (<see cref="TopicOptions.TimestampMaxAhead"/>).</summary>
public sealed class InvalidTimestampException : InvalidRequestException
{
    /// <summary>Creates the exception.</summary>
    public InvalidTimestampException(string message)
        : base(ErrorCode.InvalidTimestamp, message)
    {
    }
}
