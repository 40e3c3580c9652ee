using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce.Hosting.Events;

/// <summary>Takes an event to the broker; inside a handler's flow, into the handler's transaction.</summary>
internal sealed class EventBus(HostedBroker broker, IServiceProvider provider) : IEventBus
{
    public ValueTask PublishAsync<TEvent>(TEvent @event, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(@event);
        var route = FindRoute<TEvent>();
        return broker.HandlersWriter is { } writer
            ? route.SendAsync(writer, @event, cancellationToken)
            : route.PublishAsync(broker.Broker, @event, cancellationToken);
    }

    private EventRoute<TEvent> FindRoute<TEvent>() =>
        (broker.Name.Length == 0 ? provider.GetService<EventRoute<TEvent>>() : provider.GetKeyedService<EventRoute<TEvent>>(broker.Name))
        ?? throw new InvalidOperationException(
            $"No topic is registered for events of type {typeof(TEvent).Name}: add .AddEvent(topic), with a Topic<NoKey, {typeof(TEvent).Name}> or with a key, to {broker.Title}. " +
            "An event is published by the type it was registered by, not by a base type.");
}
