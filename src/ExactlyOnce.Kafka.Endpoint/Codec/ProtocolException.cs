namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>Bytes that are no request of this protocol. There is no answer to such a thing: the connection is closed.</summary>
internal sealed class ProtocolException(string message) : Exception(message);
