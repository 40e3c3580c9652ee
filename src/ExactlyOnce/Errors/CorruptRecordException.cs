namespace ExactlyOnce;

/// <summary>
/// Bytes that are not a whole, well-formed record batch: a checksum that does not fit, a length that leaves its buffer, a number a writer never produces.
/// Nothing of the batch was delivered. Retrying reads the same bytes again; look at the disk or the network they came from.
/// </summary>
public sealed class CorruptRecordException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is wrong, and where.</param>
    /// <param name="innerException">What a codec threw, if it was one that met the damage.</param>
    public CorruptRecordException(string message, Exception? innerException = null)
        : base(ErrorCode.CorruptMessage, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.Stop;
}
