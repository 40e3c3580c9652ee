using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class SaslHandshakeRequest : IMessage
{
    public string Mechanism = "";

    public void Fields(Wire wire) => wire.String(ref Mechanism);
}

internal sealed class SaslHandshakeResponse : IMessage
{
    public KafkaError ErrorCode;
    public string[] Mechanisms = [];

    public void Fields(Wire wire)
    {
        wire.Error(ref ErrorCode);
        wire.Strings(ref Mechanisms);
    }
}

/// <summary>Chooses how to log in. Behind version 0 tokens follow without headers, behind version 1 as requests.</summary>
internal sealed class SaslHandshakeApi : Api<SaslHandshakeRequest, SaslHandshakeResponse>
{
    public SaslHandshakeApi()
        : base(17, "SaslHandshake", 0, 1, flexibleFrom: NeverFlexible) => IsAllowedBeforeLogin = true;

    protected override ValueTask<SaslHandshakeResponse?> HandleAsync(SaslHandshakeRequest request, Call call)
    {
        // Nobody is asked here, or he has answered for good, or asks for the oldest form in between.
        var isForGood = call.Connection.IsLoggedIn && (call.Server.Options.SessionLifetime is null || call.Version == 0);
        if (call.Connection.Identity.Login is not { } login || isForGood)
            return new(new SaslHandshakeResponse { ErrorCode = KafkaError.IllegalSaslState });
        var isOffered = login.TryBegin(request.Mechanism, isRaw: call.Version == 0);
        return new(new SaslHandshakeResponse { ErrorCode = isOffered ? KafkaError.None : KafkaError.UnsupportedSaslMechanism, Mechanisms = login.Offered });
    }
}
