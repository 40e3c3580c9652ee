namespace ExactlyOnce.Clients.Consuming;

/// <summary>A record found by its time.</summary>
internal readonly record struct FoundOffset(long Offset, long TimestampMs);
