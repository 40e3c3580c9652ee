using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ExactlyOnce.Hosting;

/// <summary>A type of events and who handles them; see <see cref="ExactlyOnceEventExtensions"/>.</summary>
/// <typeparam name="TKey">The type of the events' keys.</typeparam>
/// <typeparam name="TEvent">The type of the events.</typeparam>
public sealed class EventRegistration<TKey, TEvent> : IExactlyOnceBuilder
{
    private readonly BrokerRegistration _registration;
    private readonly Topic<TKey, TEvent> _topic;
    private int _lanes = 1;

    internal EventRegistration(BrokerRegistration registration, Topic<TKey, TEvent> topic)
    {
        _registration = registration;
        _topic = topic;
    }

    /// <inheritdoc/>
    public string Name => _registration.Name;

    /// <inheritdoc/>
    public IServiceCollection Services => _registration.Services;

    /// <summary>
    /// How many events each handler works on side by side. A key stays in its lane, so that its events keep their order; lanes are the topic's partitions, so
    /// that their number can grow later and never shrink. Default 1: all events in order.
    /// </summary>
    /// <param name="lanes">At least 1.</param>
    public EventRegistration<TKey, TEvent> WithLanes(int lanes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lanes, 1);
        _lanes = lanes;
        _registration.AddTopic(_topic.Name, topic => topic.Partitions = lanes);
        return this;
    }

    /// <summary>
    /// Adds a handler, which gets every event, in its own time. An event it fails on is tried again with growing waits, while the other lanes go on; when the
    /// attempts are used up it goes to the dead-letter topic <c>group.dead-letters</c> with its cause, unless the options say otherwise. A handler that is
    /// added later begins with the oldest event that the topic still has; <see cref="PipelineOptions.StartFrom"/> says otherwise.
    /// </summary>
    /// <typeparam name="THandler">The handler; registered as scoped unless it is registered already.</typeparam>
    /// <param name="group">Names the handler's position across restarts; null for <c>topic.THandler</c>. A handler class that is renamed begins anew, unless
    /// its group is given here.</param>
    /// <param name="configure">Says how it works. What the configuration says under <c>Pipelines:group</c> wins.</param>
    public EventRegistration<TKey, TEvent> HandledBy<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string? group = null, Action<PipelineOptions>? configure = null) where THandler : class, IHandle<TEvent>
    {
        var name = group ?? $"{_topic.Name}.{NameOf(typeof(THandler))}";
        Services.TryAddScoped<THandler>();
        _registration.AddPipeline(
            name,
            (provider, broker) => HandlerScope.ProcessEach<THandler, TKey, TEvent>(
                Describe(broker.CreatePipeline(name), configure).WithConfiguration(provider, Name, name).With(options => NameDeadLetters(options, name)),
                provider, provider.GetRequiredKeyedService<HostedBroker>(Name),
                static (handler, record, cancellationToken) => handler.HandleAsync(record.Value, cancellationToken)),
            takesSettings: true);
        return this;
    }

    // Of a generic class without the number of its parameters, which no topic's name can have: "Audit`1" is Audit.
    private static string NameOf(Type handler) => handler.Name.Split('`')[0];

    private PipelineBuilder<TKey, TEvent> Describe(PipelineBuilder pipeline, Action<PipelineOptions>? configure) => pipeline.Read(_topic).With(options =>
    {
        options.Workers = _lanes;
        options.WhenRetriesExhausted = WhenRetriesExhausted.DeadLetter;
        configure?.Invoke(options);
    });

    private static void NameDeadLetters(PipelineOptions options, string name)
    {
        if (options.WhenRetriesExhausted == WhenRetriesExhausted.DeadLetter)
            options.DeadLetterTopic ??= $"{name}.dead-letters";
    }
}
