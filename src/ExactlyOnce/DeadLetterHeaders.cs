namespace ExactlyOnce;

/// <summary>The headers that a pipeline adds to a record in its dead-letter topic. Key, value and the record's own headers stay as they were.</summary>
public static class DeadLetterHeaders
{
    /// <summary>The topic the record was read from.</summary>
    public const string Topic = "dead-letter-topic";

    /// <summary>The partition it was read from.</summary>
    public const string Partition = "dead-letter-partition";

    /// <summary>Its offset there.</summary>
    public const string Offset = "dead-letter-offset";

    /// <summary>Its own time, ISO 8601.</summary>
    public const string RecordTime = "dead-letter-record-time";

    /// <summary>How often the pipeline failed on it.</summary>
    public const string Attempts = "dead-letter-attempts";

    /// <summary>The type of the last exception.</summary>
    public const string Exception = "dead-letter-exception";

    /// <summary>The message of the last exception.</summary>
    public const string Message = "dead-letter-message";

    /// <summary>The pipeline's name.</summary>
    public const string Pipeline = "dead-letter-pipeline";

    /// <summary>When the record was given up, ISO 8601.</summary>
    public const string Time = "dead-letter-time";
}
