namespace ExactlyOnce.Kernel.Primitives;

/// <summary>A producer id together with the epoch that says which incarnation of it speaks; an older epoch is a zombie.</summary>
internal readonly record struct ProducerIdentity(long Id, short Epoch)
{
    /// <summary>The identity of a batch that no producer signed.</summary>
    public static readonly ProducerIdentity None = new(NoId, NoEpoch);

    public const long NoId = -1;
    public const short NoEpoch = -1;

    /// <summary>
    /// The last epoch a client may hold. 32767 is kept back so that the coordinator can always fence the last visible one (Kafka: isProducerEpochExhausted).
    /// </summary>
    public const short LastClientEpoch = short.MaxValue - 1;

    public bool IsNone => Id < 0;

    public bool IsExhausted => Epoch >= LastClientEpoch;

    public override string ToString() => $"{Id}@{Epoch}";
}
