using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ExactlyOnce.Hosting;

/// <summary>The beginning of a pipeline: <c>AddPipeline("billing").Read(Topics.Orders)…</c></summary>
public sealed class PipelineRegistration
{
    private readonly BrokerRegistration _registration;
    private readonly string _name;

    internal PipelineRegistration(BrokerRegistration registration, string name)
    {
        _registration = registration;
        _name = name;
    }

    /// <summary>The topic to read.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="configure">Says how it works: attempts, dead letters, batches, workers. What the configuration says under <c>Pipelines:name</c>
    /// wins.</param>
    public PipelineRegistration<TKey, TValue> Read<TKey, TValue>(Topic<TKey, TValue> topic, Action<PipelineBuilder<TKey, TValue>>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return new PipelineRegistration<TKey, TValue>(_registration, _name, topic, configure);
    }
}

/// <summary>A pipeline that has its topic and wants its handler.</summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public sealed class PipelineRegistration<TKey, TValue>
{
    private readonly BrokerRegistration _registration;
    private readonly string _name;
    private readonly Topic<TKey, TValue> _topic;
    private readonly Action<PipelineBuilder<TKey, TValue>>? _configure;

    internal PipelineRegistration(BrokerRegistration registration, string name, Topic<TKey, TValue> topic, Action<PipelineBuilder<TKey, TValue>>? configure)
    {
        _registration = registration;
        _name = name;
        _topic = topic;
        _configure = configure;
    }

    /// <summary>
    /// Has <typeparamref name="THandler"/>, which comes from a scope of the batch, work on each batch: its outputs and the position become true together.
    /// </summary>
    /// <typeparam name="THandler">The handler; registered as scoped unless it is registered already.</typeparam>
    public IExactlyOnceBuilder ProcessedBy<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>()
        where THandler : class, IBatchHandler<TKey, TValue>
    {
        var (name, topic, configure, broker) = (_name, _topic, _configure, _registration.Name);
        _registration.Services.TryAddScoped<THandler>();
        _registration.AddPipeline(
            name,
            (provider, opened) =>
            {
                var pipeline = opened.CreatePipeline(name).Read(topic);
                configure?.Invoke(pipeline);
                return HandlerScope.Process<THandler, TKey, TValue>(
                    pipeline.WithConfiguration(provider, broker, name), provider, provider.GetRequiredKeyedService<HostedBroker>(broker),
                    static (handler, batch, output, cancellationToken) => handler.HandleAsync(batch, output, cancellationToken));
            },
            takesSettings: true);
        return _registration;
    }
}
