using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce;

/// <summary>
/// Delivers what is published to a topic to a handler: record by record, in order within a partition, one at a time. Remembers no position: it begins anew
/// every time.
/// Disposing it delivers what was published before, then stops.
/// </summary>
/// <example><code>
/// await using var subscription = broker.Subscribe(greetings, record => Console.WriteLine(record.Value));
/// await broker.PublishAsync(greetings, "hello, world");
/// </code></example>
public sealed class Subscription : IAsyncDisposable
{
    private readonly Broker _broker;
    private readonly Delivery _delivery;

    internal Subscription(Broker broker, Delivery delivery)
    {
        _broker = broker;
        _delivery = delivery;
        delivery.Start();
        broker.Register(delivery);
    }

    /// <summary>
    /// Completes when the subscription has delivered its last record; throws a <see cref="HandlerFailedException"/> when it was stopped by its handler, and a
    /// <see cref="BrokerException"/> when it could not go on reading.
    /// </summary>
    public Task Completion => _delivery.Completion;

    /// <summary>
    /// Delivers what was published before this call, then stops. Records of transactions that are open now are not waited for. A handler may dispose of its own
    /// subscription; that does not wait.
    /// </summary>
    /// <exception cref="HandlerFailedException">The handler has failed, and nobody was told: see <see cref="SubscriptionOptions.OnError"/>.</exception>
    public async ValueTask DisposeAsync()
    {
        _broker.Unregister(_delivery);
        await _delivery.DisposeAsync().ConfigureAwait(false);
        if (Completion.IsFaulted)
            await Completion.ConfigureAwait(false);
    }
}
