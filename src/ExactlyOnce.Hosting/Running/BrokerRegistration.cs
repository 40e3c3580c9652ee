using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce.Hosting.Running;

/// <summary>
/// What an application says about one broker while it registers its services; read when the broker is opened. Owned by the registering thread until then, not changed afterwards.
/// </summary>
internal sealed class BrokerRegistration(IServiceCollection services, string name) : IExactlyOnceBuilder
{
    private readonly Dictionary<string, Action<TopicOptions>?> _topics = new(StringComparer.Ordinal);
    private readonly List<PipelineEntry> _pipelines = [];

    public string Name { get; } = name;

    public IServiceCollection Services { get; } = services;

    public bool IsDefault => Name.Length == 0;

    /// <summary>The broker as it is called in messages to people.</summary>
    public string Title => IsDefault ? "ExactlyOnce" : $"ExactlyOnce broker '{Name}'";

    public IReadOnlyDictionary<string, Action<TopicOptions>?> Topics => _topics;

    public IReadOnlyList<PipelineEntry> Pipelines => _pipelines;

    public static BrokerRegistration? TryFind(IServiceCollection services, string name)
    {
        foreach (var service in services)
            if (service.IsKeyedService && service.ServiceType == typeof(BrokerRegistration) && name.Equals(service.ServiceKey))
                return (BrokerRegistration)service.KeyedImplementationInstance!;
        return null;
    }

    /// <summary>The registration that a builder stands for.</summary>
    public static BrokerRegistration Of(IExactlyOnceBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder as BrokerRegistration ?? TryFind(builder.Services, builder.Name)
            ?? throw new ArgumentException("The builder does not come from AddExactlyOnce.", nameof(builder));
    }

    /// <summary>Declares a topic; what several places say about it adds up.</summary>
    public void AddTopic(string topic, Action<TopicOptions>? configure) =>
        _topics[topic] = _topics.GetValueOrDefault(topic) + configure;

    /// <exception cref="ArgumentException">The name is taken.</exception>
    public void AddPipeline(string pipeline, Func<IServiceProvider, Broker, Pipeline> create, bool takesSettings)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(pipeline);
        if (_pipelines.Any(known => known.Name == pipeline))
            throw new ArgumentException(
                $"The name '{pipeline}' is given twice. A pipeline, a consumer with a handler and an event's handler each need a name of their own, because it is the group that remembers their position.",
                nameof(pipeline));
        _pipelines.Add(new PipelineEntry(pipeline, create, takesSettings));
    }

    /// <summary>Whether this broker has such a service.</summary>
    public bool HasService<TService>() => Services.Any(service =>
        service.ServiceType == typeof(TService) && (IsDefault ? !service.IsKeyedService : Name.Equals(service.ServiceKey)));

    /// <summary>A service of this broker: without a key for the broker without a name, under the broker's name otherwise.</summary>
    public void AddSingleton<TService>(Func<IServiceProvider, TService> create) where TService : class
    {
        if (IsDefault)
            Services.AddSingleton(create);
        else
            Services.AddKeyedSingleton(Name, (provider, _) => create(provider));
    }

    /// <summary>As <see cref="AddSingleton{TService}(Func{IServiceProvider, TService})"/>, and under a key of its own as well, which tells services of one type apart: <c>key</c>, or <c>broker/key</c>.</summary>
    public void AddSingleton<TService>(string key, Func<IServiceProvider, TService> create) where TService : class
    {
        var own = IsDefault ? key : $"{Name}/{key}";
        Services.AddKeyedSingleton(own, (provider, _) => create(provider));
        // The same instance: a producer or consumer must not be made twice.
        AddSingleton(provider => provider.GetRequiredKeyedService<TService>(own));
    }

    /// <summary>The open broker.</summary>
    public Broker BrokerOf(IServiceProvider provider) => provider.GetRequiredKeyedService<HostedBroker>(Name).Broker;
}

/// <summary>A pipeline to run, whatever is behind it.</summary>
/// <param name="Name">Its name and group.</param>
/// <param name="Create">Makes it on an open broker.</param>
/// <param name="TakesSettings">Whether the configuration may set its options; not for one that the application builds itself.</param>
internal sealed record PipelineEntry(string Name, Func<IServiceProvider, Broker, Pipeline> Create, bool TakesSettings);
