namespace ExactlyOnce;

/// <summary>
/// Publishes events to whoever handles them. Inject it anywhere. Called by a handler of this package on the same broker, and awaited by it, what it publishes
/// takes effect together with the event having been handled, exactly once; anywhere else the event is stored, as durably as the broker is, when the call
/// returns. Each handler gets it in its own time.
/// </summary>
public interface IEventBus
{
    /// <summary>Publishes an event to the topic that was registered for its type.</summary>
    /// <typeparam name="TEvent">The type the event was registered by.</typeparam>
    /// <param name="event">The event.</param>
    /// <param name="cancellationToken">Honoured until the event has its place in the order; a cancelled call has published nothing.</param>
    /// <exception cref="InvalidOperationException">No topic is registered for the type: add <c>.AddEvent(topic)</c>.</exception>
    /// <exception cref="BrokerException">The event was not published; <see cref="BrokerException.Recovery"/> says what to do.</exception>
    ValueTask PublishAsync<TEvent>(TEvent @event, CancellationToken cancellationToken = default);
}
