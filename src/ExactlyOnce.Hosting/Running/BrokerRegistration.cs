using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ExactlyOnce.Hosting.Running;

/// <summary>
/// What an application says about one broker while it registers its services; read when the broker is opened. Owned by the registering thread until then, not
/// changed afterwards.
/// </summary>
internal sealed class BrokerRegistration(IServiceCollection services, string name) : IExactlyOnceBuilder
{
    private readonly Dictionary<string, Action<TopicOptions>?> _topics = new(StringComparer.Ordinal);
    private readonly List<PipelineEntry> _pipelines = [];
    private readonly HashSet<(Type Service, string Key)> _keyed = [];

    public string Name { get; } = name;

    public IServiceCollection Services { get; } = services;

    public bool IsDefault => Name.Length == 0;

    /// <summary>The broker as it is called in messages to people.</summary>
    public string Title => IsDefault ? "ExactlyOnce" : $"ExactlyOnce broker '{Name}'";

    /// <summary>The broker that somebody else has opened and will close; null when the host opens one.</summary>
    public Broker? Given { get; private set; }

    public IReadOnlyDictionary<string, Action<TopicOptions>?> Topics => _topics;

    public IReadOnlyList<PipelineEntry> Pipelines => _pipelines;

    /// <summary>This one and the application's other ones, in the order of their registration.</summary>
    public IEnumerable<BrokerRegistration> All => AllIn(Services);

    public static BrokerRegistration? TryFind(IServiceCollection services, string name) => AllIn(services).FirstOrDefault(registration => registration.Name == name);

    /// <summary>The registration that a builder stands for.</summary>
    public static BrokerRegistration Of(IExactlyOnceBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder as BrokerRegistration ?? TryFind(builder.Services, builder.Name)
            ?? throw new ArgumentException("The builder does not come from AddExactlyOnce.", nameof(builder));
    }

    /// <summary>Uses this broker, whatever else is said about which.</summary>
    public void Give(Broker broker)
    {
        Given = broker;
        // As an instance: the container disposes of everything that a factory has given it.
        if (IsDefault)
            Services.RemoveAll<Broker>().AddSingleton(broker);
        else
            Services.RemoveAllKeyed<Broker>(Name).AddKeyedSingleton(Name, broker);
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
                $"The name '{pipeline}' is given twice. A pipeline, a consumer with a handler and an event's handler each need a name of their own, because it is " +
                "the group that remembers their position.",
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
            AddKeyed(Name, create);
    }

    /// <summary>
    /// As <see cref="AddSingleton{TService}(Func{IServiceProvider, TService})"/>, and under a key of its own as well, which tells services of one type apart:
    /// <c>key</c>, or <c>broker/key</c>.
    /// </summary>
    public void AddSingleton<TService>(string key, Func<IServiceProvider, TService> create) where TService : class
    {
        var own = KeyOf(key);
        AddKeyed(own, create);
        // The same instance: a producer or consumer must not be made twice.
        AddSingleton(provider => provider.GetRequiredKeyedService<TService>(own));
    }

    /// <summary>Under a key of its own only.</summary>
    public void AddOwn<TService>(string key, Func<IServiceProvider, TService> create) where TService : class => AddKeyed(KeyOf(key), create);

    public TService GetOwn<TService>(IServiceProvider provider, string key) where TService : class => provider.GetRequiredKeyedService<TService>(KeyOf(key));

    /// <summary>The open broker.</summary>
    public Broker BrokerOf(IServiceProvider provider) => provider.GetRequiredKeyedService<HostedBroker>(Name).Broker;

    private static IEnumerable<BrokerRegistration> AllIn(IServiceCollection services) => services
        .Where(service => service.IsKeyedService && service.ServiceType == typeof(BrokerRegistration))
        .Select(service => (BrokerRegistration)service.KeyedImplementationInstance!);

    private string KeyOf(string key) => IsDefault ? key : $"{Name}/{key}";

    // Two brokers may come to the same key: "orders" is the topic of the one without a name, and the broker of that name. Whoever asks for it would be given
    // the one registered last.
    private void AddKeyed<TService>(string key, Func<IServiceProvider, TService> create) where TService : class
    {
        if (All.FirstOrDefault(other => other != this && other._keyed.Contains((typeof(TService), key))) is { } taken)
            throw new ArgumentException(
                $"A service of type {typeof(TService)} with the key '{key}' is there already, of {taken.Title}; now {Title} wants to add one. A named broker's services have its name as " +
                "their key, those of the broker without a name the name of a topic, group or transactional id: give the named broker another name.");
        _keyed.Add((typeof(TService), key));
        Services.AddKeyedSingleton(key, (provider, _) => create(provider));
    }
}

/// <summary>A pipeline to run, whatever is behind it.</summary>
/// <param name="Name">Its name and group.</param>
/// <param name="Create">Makes it on an open broker.</param>
/// <param name="TakesSettings">Whether the configuration may set its options; not for one that the application builds itself.</param>
internal sealed record PipelineEntry(string Name, Func<IServiceProvider, Broker, Pipeline> Create, bool TakesSettings);
