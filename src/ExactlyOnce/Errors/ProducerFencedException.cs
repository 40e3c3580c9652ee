namespace ExactlyOnce;

/// <summary>
/// A newer producer with the same transactional id or name took over; the message says when and why. Its open transaction was aborted. Create a new producer
/// only when this instance, and not the newer one, is meant to do the work: two that fence each other in turns make no progress.
/// </summary>
public sealed class ProducerFencedException : ClientInvalidatedException
{
    /// <summary>Creates the exception.</summary>
    public ProducerFencedException(string message, Exception? innerException = null)
        : base(ErrorCode.ProducerFenced, message, innerException)
    {
    }
}
