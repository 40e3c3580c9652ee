using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ExactlyOnce.Hosting;

/// <summary>A consumer in a group; see <see cref="ExactlyOnceClientExtensions.AddConsumer"/>.</summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public sealed class ConsumerRegistration<TKey, TValue> : IExactlyOnceBuilder
{
    private readonly BrokerRegistration _registration;
    private readonly Topic<TKey, TValue> _topic;
    private readonly string _group;
    private Action<ConsumerBuilder<TKey, TValue>>? _configure;

    internal ConsumerRegistration(BrokerRegistration registration, Topic<TKey, TValue> topic, string group)
    {
        _registration = registration;
        _topic = topic;
        _group = group;
        registration.AddSingleton(group, provider =>
        {
            var consumer = registration.BrokerOf(provider).CreateConsumer(topic).InGroup(group);
            _configure?.Invoke(consumer);
            return consumer.Build();
        });
    }

    /// <inheritdoc/>
    public string Name => _registration.Name;

    /// <inheritdoc/>
    public IServiceCollection Services => _registration.Services;

    /// <summary>Sets how the consumer that is injected works; one that the host runs takes its description in <see cref="HandledBy"/>.</summary>
    /// <param name="configure">Describes it.</param>
    public ConsumerRegistration<TKey, TValue> With(Action<ConsumerBuilder<TKey, TValue>> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        _configure += configure;
        return this;
    }

    /// <summary>
    /// Has the host run it: each record goes to <typeparamref name="THandler"/>, which comes from a scope of the batch. A record that fails is tried again with
    /// growing waits and given up in the end as the options say; other partitions go on meanwhile.
    /// </summary>
    /// <typeparam name="THandler">The handler; registered as scoped unless it is registered already.</typeparam>
    /// <param name="configure">Says how it works: attempts, dead letters, batches, workers. What the configuration says under <c>Pipelines:group</c>
    /// wins.</param>
    /// <exception cref="InvalidOperationException">The consumer was described with <see cref="With"/>.</exception>
    public IExactlyOnceBuilder HandledBy<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        Action<PipelineBuilder<TKey, TValue>>? configure = null) where THandler : class, IRecordHandler<TKey, TValue>
    {
        if (_configure is not null)
            throw new InvalidOperationException(
                $"With describes the consumer of group '{_group}' that is injected, and the host runs a pipeline in its place: give HandledBy what it is to be like, for example " +
                "HandledBy<THandler>(pipeline => pipeline.StartFrom(…)).");
        var (topic, group, broker) = (_topic, _group, _registration.Name);
        Services.TryAddScoped<THandler>();
        _registration.AddPipeline(
            group,
            (provider, opened) =>
            {
                var pipeline = opened.CreatePipeline(group).Read(topic);
                configure?.Invoke(pipeline);
                return HandlerScope.ProcessEach<THandler, TKey, TValue>(
                    pipeline.WithConfiguration(provider, broker, group), provider, provider.GetRequiredKeyedService<HostedBroker>(broker),
                    static (handler, record, cancellationToken) => handler.HandleAsync(record, cancellationToken));
            },
            takesSettings: true);
        return _registration;
    }
}
