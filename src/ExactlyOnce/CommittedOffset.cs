namespace ExactlyOnce;

/// <summary>A consumer group's committed position in a partition.</summary>
/// <param name="Offset">The next offset to read.</param>
/// <param name="Metadata">Free text stored beside it, at most 4,096 characters.</param>
public readonly record struct CommittedOffset(long Offset, string Metadata = "");
