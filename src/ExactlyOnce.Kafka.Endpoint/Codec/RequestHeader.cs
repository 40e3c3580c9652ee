namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>What every request begins with, in every version; client id and, in flexible versions, tags follow.</summary>
internal readonly record struct RequestHeader(short ApiKey, short Version, int CorrelationId);
