using ExactlyOnce.Hosting;
using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce;

/// <summary>Says which broker it is, and which topics it has.</summary>
public static class ExactlyOnceBuilderExtensions
{
    /// <summary>Keeps everything in memory: the test double of a durable broker, and an event bus for what may be lost with the process.</summary>
    /// <param name="builder">The broker's registrations.</param>
    public static IExactlyOnceBuilder UseMemory(this IExactlyOnceBuilder builder) => builder.UseConnectionString("mode=memory");

    /// <summary>Keeps everything in this folder.</summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="path">The folder; created when it does not exist.</param>
    public static IExactlyOnceBuilder UseDirectory(this IExactlyOnceBuilder builder, string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        return builder.Configure(options =>
        {
            options.ConnectionString = null;
            options.Broker.Directory = path;
        });
    }

    /// <summary>
    /// Takes mode, folder and durability from a connection string: <c>mode=memory</c>, <c>mode=durable;path=data/shop</c>. Checked when the host starts.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="connectionString">The connection string.</param>
    public static IExactlyOnceBuilder UseConnectionString(this IExactlyOnceBuilder builder, string connectionString)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        return builder.Configure(options => options.ConnectionString = connectionString);
    }

    /// <summary>
    /// Uses a broker that somebody else has opened and will close, one of a test for example: it wins over whatever else is said about which broker, in
    /// whatever order, and is not disposed of with the host. Its own options stay as they are; topics that are declared here are created in it when the host
    /// starts.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="broker">The broker.</param>
    /// <example><code>
    /// await using var test = TestBroker.Create();
    /// builder.Services.AddExactlyOnce().UseBroker(test.Broker);
    /// </code></example>
    public static IExactlyOnceBuilder UseBroker(this IExactlyOnceBuilder builder, Broker broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        BrokerRegistration.Of(builder).Give(broker);
        return builder;
    }

    /// <summary>Sets any option. Runs after the configuration was read, in the order of the calls.</summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="configure">Changes the options.</param>
    public static IExactlyOnceBuilder Configure(this IExactlyOnceBuilder builder, Action<ExactlyOnceOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        builder.Services.Configure(builder.Name, configure);
        return builder;
    }

    /// <summary>
    /// Makes sure that the topic exists when the broker is open: created when missing, grown when it has fewer partitions. What the configuration says under
    /// <c>Topics:name</c> wins.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="configure">Sets the options a new topic gets, and the number of partitions.</param>
    public static IExactlyOnceBuilder AddTopic<TKey, TValue>(this IExactlyOnceBuilder builder, Topic<TKey, TValue> topic, Action<TopicOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        BrokerRegistration.Of(builder).AddTopic(topic.Name, configure);
        return builder;
    }
}
