using ExactlyOnce.Hosting;
using ExactlyOnce.Hosting.Configuration;
using ExactlyOnce.Hosting.Events;
using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace ExactlyOnce;

/// <summary>Adds ExactlyOnce to an application.</summary>
public static class ExactlyOnceServiceCollectionExtensions
{
    /// <summary>
    /// Adds a broker, which opens with the host and closes with it: inject <see cref="Broker"/> or <see cref="IEventBus"/>. May be called from several places;
    /// what they say adds up.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Says which broker, and what works with it; may be done on what this returns as well.</param>
    /// <example><code>
    /// builder.Services.AddExactlyOnce()
    ///     .UseConnectionString("mode=durable;path=data/shop")
    ///     .AddTopic(Topics.Orders, topic => topic.Partitions = 12)
    ///     .AddProducer(Topics.Orders)
    ///     .AddPipeline("billing").Read(Topics.Orders).ProcessedBy&lt;Billing&gt;();
    /// </code></example>
    public static IExactlyOnceBuilder AddExactlyOnce(this IServiceCollection services, Action<IExactlyOnceBuilder>? configure = null) =>
        Add(services, Options.DefaultName, configure);

    /// <summary>Adds a further broker with a name, which is its service key: inject <c>[FromKeyedServices("orders")] Broker</c>.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="name">The broker's name.</param>
    /// <param name="configure">Says which broker, and what works with it.</param>
    public static IExactlyOnceBuilder AddExactlyOnce(this IServiceCollection services, string name, Action<IExactlyOnceBuilder>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Add(services, name, configure);
    }

    private static BrokerRegistration Add(IServiceCollection services, string name, Action<IExactlyOnceBuilder>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        var registration = BrokerRegistration.TryFind(services, name) ?? Register(services, name);
        configure?.Invoke(registration);
        return registration;
    }

    private static BrokerRegistration Register(IServiceCollection services, string name)
    {
        var registration = new BrokerRegistration(services, name);
        services.AddKeyedSingleton(name, registration);
        services.AddOptions<ExactlyOnceOptions>(name).ValidateOnStart();
        services.AddSingleton<IConfigureOptions<ExactlyOnceOptions>>(provider => new OptionsFromConfiguration(name, provider));
        services.AddSingleton<IPostConfigureOptions<ExactlyOnceOptions>>(new ConnectionStringStep(name));
        services.AddSingleton<IValidateOptions<ExactlyOnceOptions>>(new OptionsValidation(registration));

        services.AddKeyedSingleton(name, (provider, _) => new HostedBroker(registration, provider));
        services.AddSingleton<IHostedService>(provider => new BrokerService(provider.GetRequiredKeyedService<HostedBroker>(name)));
        registration.AddSingleton(provider => provider.GetRequiredKeyedService<HostedBroker>(name).Broker);
        registration.AddSingleton<IEventBus>(provider => new EventBus(provider.GetRequiredKeyedService<HostedBroker>(name), provider));
        return registration;
    }
}
