namespace ExactlyOnce.Sql;

/// <summary>
/// Somebody else has taken over a partition (or the outbox) since this one did: its row in the table of offsets carries a newer epoch, or has moved. Nothing
/// was written. A pipeline takes its partitions anew and goes on at what is stored; an outbox relay stops, because the newer one does its work.
/// </summary>
public sealed class StaleEpochException : ClientInvalidatedException
{
    /// <summary>Creates the exception.</summary>
    public StaleEpochException(string message, Exception? innerException = null)
        : base(ErrorCode.FencedMemberEpoch, message, innerException)
    {
    }
}
