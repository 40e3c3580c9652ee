using ExactlyOnce.Hosting;
using ExactlyOnce.Hosting.Running;

namespace ExactlyOnce;

/// <summary>Adds producers, consumers and pipelines to a broker's registrations.</summary>
public static class ExactlyOnceClientExtensions
{
    /// <summary>
    /// Adds a producer, shared by the application: inject <c>Producer&lt;TKey, TValue&gt;</c>. Where several topics have the same types, inject it by the
    /// topic's name: <c>[FromKeyedServices("orders")]</c>, and <c>"broker/orders"</c> for a broker with a name.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="topic">The topic to write to.</param>
    /// <param name="configure">Says how the producer works.</param>
    public static IExactlyOnceBuilder AddProducer<TKey, TValue>(
        this IExactlyOnceBuilder builder, Topic<TKey, TValue> topic, Action<ProducerBuilder<TKey, TValue>>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var registration = BrokerRegistration.Of(builder);
        registration.AddSingleton(topic.Name, provider =>
        {
            var producer = registration.BrokerOf(provider).CreateProducer(topic);
            configure?.Invoke(producer);
            return producer.Build();
        });
        return builder;
    }

    /// <summary>
    /// Adds a transactional producer: inject <see cref="TransactionalProducer"/>, by its id where there are several. It has one transaction at a time; work
    /// that begins transactions side by side needs a producer, with an id, for each.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="transactionalId">Names the producer across restarts.</param>
    /// <param name="configure">Changes the options.</param>
    public static IExactlyOnceBuilder AddTransactionalProducer(
        this IExactlyOnceBuilder builder, string transactionalId, Action<TransactionalProducerOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(transactionalId);
        var registration = BrokerRegistration.Of(builder);
        registration.AddSingleton(transactionalId, provider =>
        {
            var options = new TransactionalProducerOptions();
            configure?.Invoke(options);
            // A constructor cannot wait; to take over an id is one write to the log.
            return registration.BrokerOf(provider).CreateTransactionalProducerAsync(transactionalId, options).GetAwaiter().GetResult();
        });
        return builder;
    }

    /// <summary>
    /// Adds a consumer in a group. With <c>.HandledBy&lt;THandler&gt;()</c> the host runs it; without, inject <c>Consumer&lt;TKey, TValue&gt;</c>, by the
    /// group's name where there are several, and write the loop yourself.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="topic">The topic to read.</param>
    /// <param name="group">The group, which remembers the position.</param>
    public static ConsumerRegistration<TKey, TValue> AddConsumer<TKey, TValue>(this IExactlyOnceBuilder builder, Topic<TKey, TValue> topic, string group)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentException.ThrowIfNullOrWhiteSpace(group);
        return new ConsumerRegistration<TKey, TValue>(BrokerRegistration.Of(builder), topic, group);
    }

    /// <summary>
    /// Adds a pipeline whose batches are worked on by a handler of the application:
    /// <c>.AddPipeline("billing").Read(Topics.Orders).ProcessedBy&lt;Billing&gt;()</c>.
    /// </summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="name">Names it across restarts: its consumer group, and the beginning of its transactional ids.</param>
    public static PipelineRegistration AddPipeline(this IExactlyOnceBuilder builder, string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return new PipelineRegistration(BrokerRegistration.Of(builder), name);
    }

    /// <summary>Adds a pipeline that the application describes itself.</summary>
    /// <param name="builder">The broker's registrations.</param>
    /// <param name="name">Names it across restarts.</param>
    /// <param name="create">Describes it: <c>(services, pipeline) => pipeline.Read(Topics.Orders).To(Topics.Invoices, …)</c>.</param>
    public static IExactlyOnceBuilder AddPipeline(this IExactlyOnceBuilder builder, string name, Func<IServiceProvider, PipelineBuilder, Pipeline> create)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(create);
        BrokerRegistration.Of(builder).AddPipeline(name, (provider, broker) => create(provider, broker.CreatePipeline(name)), takesSettings: false);
        return builder;
    }
}
