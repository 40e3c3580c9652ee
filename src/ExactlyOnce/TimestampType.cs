namespace ExactlyOnce;

/// <summary>Which time a topic's records carry. The numbers are those of Kafka's record batch attributes.</summary>
public enum TimestampType
{
    /// <summary>The time the producer gave. The default.</summary>
    CreateTime = 0,

    /// <summary>The time the broker appended the batch.</summary>
    LogAppendTime = 1,
}
