namespace ExactlyOnce;

/// <summary>What becomes of old records.</summary>
[Flags]
public enum CleanupPolicy
{
    /// <summary>Whole segments are deleted by age and size (Kafka: <c>delete</c>). The default.</summary>
    Delete = 1,

    /// <summary>The last record of every key is kept (Kafka: <c>compact</c>).</summary>
    Compact = 2,
}
