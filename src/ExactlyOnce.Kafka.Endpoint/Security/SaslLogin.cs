namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>
/// The login of one connection: a mechanism is chosen, tokens go to and fro, and somebody is known or the connection ends. Where a session has an end the
/// client logs in again, by the same mechanism and as nobody else (KIP-368).
/// </summary>
internal sealed class SaslLogin(SaslMechanisms offered, Credentials credentials)
{
    public const string PlainName = "PLAIN";

    private ISaslExchange? _exchange;
    private string? _mechanism;

    /// <summary>The mechanisms this connection may choose from.</summary>
    public string[] Offered { get; } =
    [
        .. offered.HasFlag(SaslMechanisms.Plain) ? [PlainName] : Array.Empty<string>(),
        .. ScramMechanism.All.Where(mechanism => offered.HasFlag(mechanism.Flag)).Select(mechanism => mechanism.Name),
    ];

    /// <summary>Tokens are exchanged; nothing else may be said.</summary>
    public bool IsExchanging => _exchange is not null;

    /// <summary>Tokens come without the protocol's headers, as after the oldest handshake.</summary>
    public bool IsRaw { get; private set; }

    /// <summary>Who it is; null until that is known.</summary>
    public string? User { get; private set; }

    /// <summary>No token of this login has come yet.</summary>
    public bool IsAtItsFirstToken { get; private set; }

    /// <summary>False when the mechanism is not on offer, or is another than the first time.</summary>
    public bool TryBegin(string mechanism, bool isRaw)
    {
        if (!Offered.Contains(mechanism) || (User is not null && mechanism != _mechanism))
            return false;
        _mechanism = mechanism;
        IsAtItsFirstToken = true;
        _exchange = mechanism == PlainName
            ? new PlainExchange(credentials)
            : new ScramExchange(ScramMechanism.All.Single(scram => scram.Name == mechanism), credentials);
        IsRaw = isRaw;
        return true;
    }

    public SaslStep Next(ReadOnlySpan<byte> token)
    {
        var step = _exchange!.Next(token);
        IsAtItsFirstToken = false;
        if (step.Outcome != SaslOutcome.Done)
            return step;
        if (User is not null && User != step.User)
            return SaslStep.Failed;
        User = step.User;
        _exchange = null;
        return step;
    }
}
