using System.Buffers;

namespace ExactlyOnce.Hosting;

/// <summary>
/// Where the events of a type go, and as which bytes: a singleton service for each registered event (under the broker's name for a broker with one). For
/// whoever publishes them another way, from an outbox table for example.
/// </summary>
/// <typeparam name="TEvent">The type of the events.</typeparam>
public abstract class EventRoute<TEvent>
{
    private protected EventRoute()
    {
    }

    /// <summary>The topic's name.</summary>
    public abstract string Topic { get; }

    /// <summary>Whether events have keys.</summary>
    public abstract bool HasKey { get; }

    /// <summary>Publishes an event by itself.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="event">The event.</param>
    /// <param name="cancellationToken">Honoured until the event has its place in the order.</param>
    public abstract ValueTask PublishAsync(Broker broker, TEvent @event, CancellationToken cancellationToken = default);

    /// <summary>Publishes an event as a part of a transaction.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="event">The event.</param>
    /// <param name="cancellationToken">Honoured until the event has its place in the transaction.</param>
    public abstract ValueTask SendAsync(TransactionWriter transaction, TEvent @event, CancellationToken cancellationToken = default);

    /// <summary>Writes the bytes of the event's key; none for a topic without keys.</summary>
    /// <param name="event">The event.</param>
    /// <param name="destination">Takes the bytes.</param>
    public abstract void SerializeKey(TEvent @event, IBufferWriter<byte> destination);

    /// <summary>Writes the bytes of the event.</summary>
    /// <param name="event">The event.</param>
    /// <param name="destination">Takes the bytes.</param>
    public abstract void SerializeValue(TEvent @event, IBufferWriter<byte> destination);
}
