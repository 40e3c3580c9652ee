using System.Threading.Channels;
using ExactlyOnce.Hosting;
using ExactlyOnce.Hosting.Channels;
using ExactlyOnce.Hosting.Events;
using ExactlyOnce.Hosting.Running;

namespace ExactlyOnce;

/// <summary>Adds events and their handlers, and channels, to a broker's registrations.</summary>
public static class ExactlyOnceEventExtensions
{
    /// <summary>Adds a type of events without keys: <see cref="IEventBus.PublishAsync"/> writes them to the topic, handlers read them from it.</summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="topic">The topic, which is made sure to exist.</param>
    /// <param name="configure">Sets the options a new topic gets.</param>
    public static EventRegistration<NoKey, TEvent> AddEvent<TEvent>(this IExactlyOnceBuilder builder, Topic<NoKey, TEvent> topic, Action<TopicOptions>? configure = null) =>
        builder.AddEvent(topic, static _ => default, configure);

    /// <summary>Adds a type of events with keys: events with the same key are handled in order, others side by side when there are lanes.</summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="topic">The topic, which is made sure to exist.</param>
    /// <param name="key">The event's key, for example the customer it is about.</param>
    /// <param name="configure">Sets the options a new topic gets.</param>
    public static EventRegistration<TKey, TEvent> AddEvent<TKey, TEvent>(
        this IExactlyOnceBuilder builder, Topic<TKey, TEvent> topic, Func<TEvent, TKey> key, Action<TopicOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(key);
        var registration = BrokerRegistration.Of(builder);
        if (registration.HasService<EventRoute<TEvent>>())
            throw new ArgumentException($"Events of type {typeof(TEvent).Name} have a topic already. Keep what AddEvent returned and add all handlers to it.", nameof(topic));
        registration.AddTopic(topic.Name, configure);
        var route = new TopicRoute<TKey, TEvent>(topic, key);
        registration.AddSingleton<EventRoute<TEvent>>(_ => route);
        return new EventRegistration<TKey, TEvent>(registration, topic);
    }

    /// <summary>
    /// Adds a topic as a channel: inject <see cref="ChannelWriter{T}"/> and <see cref="ChannelReader{T}"/>, and code written for
    /// <c>System.Threading.Channels</c> goes on as it is. Over a durable broker what was written survives the process: <c>WriteAsync</c> returns when the item
    /// is stored, and the reader goes on where it stopped; after a crash it may get the items of a batch again. The channel has one reader, because asking for
    /// more says that the items before are done: a second one that waits at the same time is refused with an <see cref="InvalidOperationException"/>. For
    /// several use handlers with lanes.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="topic">The topic, which is made sure to exist.</param>
    /// <param name="group">Remembers the reader's position; null for <c>topic.channel</c>.</param>
    /// <param name="configure">Sets the options a new topic gets.</param>
    public static IExactlyOnceBuilder AddChannel<T>(this IExactlyOnceBuilder builder, Topic<NoKey, T> topic, string? group = null, Action<TopicOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var registration = BrokerRegistration.Of(builder);
        registration.AddTopic(topic.Name, configure);
        registration.AddOwn(topic.Name, _ => new ChannelEnd());
        registration.AddSingleton<ChannelWriter<T>>(topic.Name, provider => new TopicChannelWriter<T>(
            registration.BrokerOf(provider).CreateProducer(topic).Build(), registration.GetOwn<ChannelEnd>(provider, topic.Name)));
        registration.AddSingleton<ChannelReader<T>>(topic.Name, provider => new TopicChannelReader<T>(
            registration.BrokerOf(provider).CreateConsumer(topic).InGroup(group ?? $"{topic.Name}.channel").Build(), registration.GetOwn<ChannelEnd>(provider, topic.Name)));
        return builder;
    }
}
