namespace ExactlyOnce;

/// <summary>How a subscription delivers.</summary>
public sealed class SubscriptionOptions
{
    /// <summary>Where to begin. Default <see cref="StartFrom.Latest"/>: what is published from now on.</summary>
    public StartFrom StartFrom { get; set; } = StartFrom.Latest;

    /// <summary>Which records are delivered. Default <see cref="IsolationLevel.ReadCommitted"/>.</summary>
    public IsolationLevel Isolation { get; set; } = IsolationLevel.ReadCommitted;

    /// <summary>
    /// Called when the handler has thrown; the subscription then goes on with the next record. Null, the default: the subscription stops, and
    /// <see cref="Subscription.Completion"/> and disposing it throw.
    /// </summary>
    public Action<HandlerFailedException>? OnError { get; set; }

    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    internal void Validate()
    {
        if (!Enum.IsDefined(Isolation))
            throw new ArgumentException($"{nameof(Isolation)} is {Isolation}; use ReadCommitted or ReadUncommitted.");
    }
}
