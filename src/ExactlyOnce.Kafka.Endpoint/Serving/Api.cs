using ExactlyOnce.Kafka.Endpoint.Codec;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>One API of the protocol: its number, the versions served, and what answers it. Stateless; one instance serves every connection.</summary>
internal abstract class Api
{
    /// <summary>For <see cref="FlexibleFrom"/>: the API never became flexible.</summary>
    public const short NeverFlexible = short.MaxValue;

    protected Api(short key, string name, short min, short max, short flexibleFrom)
    {
        Key = key;
        Name = name;
        Min = AdvertisedMin = min;
        Max = max;
        FlexibleFrom = flexibleFrom;
    }

    public short Key { get; }

    public string Name { get; }

    /// <summary>The lowest version served; a connection that asks for less is closed.</summary>
    public short Min { get; }

    public short Max { get; }

    /// <summary>The lowest version that ApiVersions tells of.</summary>
    public short AdvertisedMin { get; protected init; }

    /// <summary>The first version with compact encodings and tags.</summary>
    public short FlexibleFrom { get; }

    /// <summary>May be called before a login has finished.</summary>
    public bool IsAllowedBeforeLogin { get; protected init; }

    /// <summary>May begin while an <see cref="IDeferredAnswer"/> to an earlier request is still waited for.</summary>
    public bool IsPipelined { get; protected init; }

    public bool Serves(short version) => version >= Min && version <= Max;

    public bool IsFlexible(short version) => version >= FlexibleFrom;

    public abstract IMessage NewRequest();

    public abstract IMessage NewResponse();

    /// <summary>
    /// Answers a request; null for no answer at all. What the request refers to in the frame may be used until the task completes and no longer.
    /// </summary>
    public abstract ValueTask<IMessage?> HandleAsync(IMessage request, Call call);
}

/// <inheritdoc/>
internal abstract class Api<TRequest, TResponse>(short key, string name, short min, short max, short flexibleFrom) : Api(key, name, min, max, flexibleFrom)
    where TRequest : class, IMessage, new()
    where TResponse : class, IMessage, new()
{
    public sealed override IMessage NewRequest() => new TRequest();

    public sealed override IMessage NewResponse() => new TResponse();

    public sealed override ValueTask<IMessage?> HandleAsync(IMessage request, Call call)
    {
        var answer = HandleAsync((TRequest)request, call);
        return answer.IsCompletedSuccessfully ? new ValueTask<IMessage?>(answer.Result) : AwaitAsync(answer);
    }

    protected abstract ValueTask<TResponse?> HandleAsync(TRequest request, Call call);

    private static async ValueTask<IMessage?> AwaitAsync(ValueTask<TResponse?> answer) => await answer.ConfigureAwait(false);
}
