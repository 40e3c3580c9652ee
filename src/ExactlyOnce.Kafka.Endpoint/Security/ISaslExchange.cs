namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>A login under way, in one mechanism.</summary>
internal interface ISaslExchange
{
    /// <summary>Takes the client's next token. What makes no sense fails like a wrong password: nobody is told which it was.</summary>
    SaslStep Next(ReadOnlySpan<byte> token);
}

/// <summary>What comes of a token.</summary>
/// <param name="Outcome">Whether the login goes on, is done or has failed.</param>
/// <param name="Token">Sent to the client.</param>
/// <param name="User">Who it is, when it is done.</param>
internal readonly record struct SaslStep(SaslOutcome Outcome, byte[] Token, string? User)
{
    public static SaslStep Failed => new(SaslOutcome.Failed, [], null);

    public static SaslStep Done(string user, byte[] token) => new(SaslOutcome.Done, token, user);

    public static SaslStep Continue(byte[] token) => new(SaslOutcome.Continues, token, null);
}

internal enum SaslOutcome
{
    Failed,
    Continues,
    Done,
}
