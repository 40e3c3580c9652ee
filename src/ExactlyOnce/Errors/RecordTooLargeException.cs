namespace ExactlyOnce;

/// <summary>A record does not fit into the largest batch its topic takes, or into the producer's buffer memory. Found before anything was written.</summary>
public sealed class RecordTooLargeException : InvalidRequestException
{
    /// <summary>Creates the exception.</summary>
    public RecordTooLargeException(string message, long sizeBytes, long limitBytes)
        : base(ErrorCode.MessageTooLarge, message)
    {
        SizeBytes = sizeBytes;
        LimitBytes = limitBytes;
    }

    /// <summary>The size of the record as a batch of its own, in bytes.</summary>
    public long SizeBytes { get; }

    /// <summary>The limit it exceeds, in bytes.</summary>
    public long LimitBytes { get; }
}
