using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// What InitProducerId gives for an image whose transaction, if any, is out of the way (Kafka: prepareIncrementProducerEpoch, prepareProducerIdRotation).
/// </summary>
/// <param name="Identity">The identity handed out; None when a new producer id has to be taken.</param>
/// <param name="LastEpoch">Kept so that the same call, retried, is answered the same.</param>
internal readonly record struct IdentityClaim(ProducerIdentity Identity, short LastEpoch)
{
    public bool Rotates => Identity.IsNone;

    /// <summary>False when the expectation is an older incarnation's.</summary>
    public static bool TryMake(EntryRecord current, ProducerIdentity expected, out IdentityClaim claim)
    {
        var identity = current.Identity;
        claim = default;
        if (!expected.IsNone && expected != identity)
        {
            claim = new IdentityClaim(identity, current.LastEpoch);
            return IsRetry(current, expected);
        }
        var lastEpoch = expected.IsNone ? ProducerIdentity.NoEpoch : identity.Epoch;
        claim = identity.IsExhausted
            ? new IdentityClaim(ProducerIdentity.None, lastEpoch)
            : new IdentityClaim(identity with { Epoch = (short)(identity.Epoch + 1) }, lastEpoch);
        return true;
    }

    /// <summary>The expectation is the identity before the last bump: the answer that carried the new one was lost.</summary>
    private static bool IsRetry(EntryRecord current, ProducerIdentity expected) =>
        expected.Epoch == current.LastEpoch &&
        (expected.Id == current.Identity.Id || (expected.Id == current.PreviousId && expected.IsExhausted));
}
