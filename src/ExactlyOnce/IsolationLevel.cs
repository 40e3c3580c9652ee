namespace ExactlyOnce;

/// <summary>Which records a reader is given. The numbers are those of Kafka's protocol.</summary>
public enum IsolationLevel
{
    /// <summary>Everything durable below the high watermark, records of open and aborted transactions too.</summary>
    ReadUncommitted = 0,

    /// <summary>Only records of committed transactions and records outside transactions, up to the last stable offset. The default.</summary>
    ReadCommitted = 1,
}
