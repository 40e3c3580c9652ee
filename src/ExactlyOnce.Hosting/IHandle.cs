namespace ExactlyOnce;

/// <summary>
/// Handles events of a type; registered by <c>AddEvent(topic).HandledBy&lt;THandler&gt;()</c>. Each handler has a position of its own, so that one that is
/// slow, fails or is added later does not concern the others. Events with the same key come in order, one at a time. An instance lives for a batch, in a scope
/// of its own.
/// </summary>
/// <typeparam name="TEvent">The type of the events.</typeparam>
public interface IHandle<in TEvent>
{
    /// <summary>Handles an event. An exception means that it is not done: it is tried again, and becomes a dead letter in the end.</summary>
    /// <param name="event">The event.</param>
    /// <param name="cancellationToken">Cancelled when the host stops and its patience is over.</param>
    ValueTask HandleAsync(TEvent @event, CancellationToken cancellationToken);
}
