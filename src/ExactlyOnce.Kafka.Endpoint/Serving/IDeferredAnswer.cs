namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// An answer whose request has done its work, and which waits for something before it may be sent: that records are durable. The next request of the connection
/// may begin meanwhile.
/// </summary>
internal interface IDeferredAnswer
{
    /// <summary>Completes when the answer is true. Awaited once.</summary>
    ValueTask ReadyAsync();
}
