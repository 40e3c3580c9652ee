namespace ExactlyOnce.Clients.Consuming;

/// <summary>The batches of an aborted transaction in one partition: from the first offset to the producer's next abort marker.</summary>
internal readonly record struct AbortedRange(long ProducerId, long FirstOffset);
