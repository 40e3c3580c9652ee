using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class SaslAuthenticateRequest : IMessage
{
    public byte[] AuthBytes = [];

    public void Fields(Wire wire) => wire.Bytes(ref AuthBytes);
}

internal sealed class SaslAuthenticateResponse : IMessage
{
    public KafkaError ErrorCode;
    public string? ErrorMessage;
    public byte[] AuthBytes = [];
    public long SessionLifetimeMs;

    public void Fields(Wire wire)
    {
        wire.Error(ref ErrorCode);
        wire.NullableString(ref ErrorMessage);
        wire.Bytes(ref AuthBytes);
        wire.Int64(ref SessionLifetimeMs, from: 1);
    }
}

/// <summary>Takes the tokens of a login. A failure does not say what was wrong, comes late, and ends the connection.</summary>
internal sealed class SaslAuthenticateApi : Api<SaslAuthenticateRequest, SaslAuthenticateResponse>
{
    public SaslAuthenticateApi()
        : base(36, "SaslAuthenticate", 0, 2, flexibleFrom: 2) => IsAllowedBeforeLogin = true;

    protected override async ValueTask<SaslAuthenticateResponse?> HandleAsync(SaslAuthenticateRequest request, Call call)
    {
        if (call.Connection.Identity.Login is not { IsExchanging: true })
        {
            call.Connection.IsEnding = !call.Connection.IsLoggedIn;
            return new SaslAuthenticateResponse { ErrorCode = KafkaError.IllegalSaslState, ErrorMessage = "A mechanism is chosen first, and once." };
        }
        var step = await call.Connection.Identity.TakeTokenAsync(request.AuthBytes, call.Cancelled).ConfigureAwait(false);
        if (step.Outcome != SaslOutcome.Failed)
            return new SaslAuthenticateResponse { AuthBytes = step.Token, SessionLifetimeMs = step.Outcome == SaslOutcome.Done ? LifetimeMs(call) : 0 };
        call.Connection.IsEnding = true;
        return new SaslAuthenticateResponse { ErrorCode = KafkaError.SaslAuthenticationFailed, ErrorMessage = "The login failed." };
    }

    /// <summary>0 is for ever.</summary>
    private static long LifetimeMs(Call call) => (long)(call.Server.Options.SessionLifetime?.TotalMilliseconds ?? 0);
}
