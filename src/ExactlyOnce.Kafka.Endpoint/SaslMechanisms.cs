namespace ExactlyOnce.Kafka.Endpoint;

/// <summary>Ways in which a client may prove who it is (SASL).</summary>
[Flags]
public enum SaslMechanisms
{
    /// <summary>None: nobody is asked.</summary>
    None = 0,

    /// <summary>PLAIN: the password itself is sent, so only over TLS or from this machine. For the users of <see cref="KafkaEndpointOptions.Users"/>.</summary>
    Plain = 1,

    /// <summary>SCRAM-SHA-256: both sides prove that they know the password, and nobody sends it.</summary>
    ScramSha256 = 2,

    /// <summary>SCRAM-SHA-512: the same with the longer hash.</summary>
    ScramSha512 = 4,
}
