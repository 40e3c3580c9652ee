namespace ExactlyOnce;

/// <summary>
/// Bytes on disk are damaged where they must not be: in front of valid ones, or where the broker had vouched for them. The broker refuses to open rather than
/// lose or invent records, and changes nothing. Restore the named file from a backup, or move the directory away to start anew.
/// </summary>
public sealed class DamagedStorageException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="filePath">The damaged file.</param>
    /// <param name="position">Where in the file the damage begins, in bytes.</param>
    /// <param name="reason">What is wrong there, one sentence without a full stop.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public DamagedStorageException(string filePath, long position, string reason, Exception? innerException = null)
        : base(ErrorCode.DamagedStorage, $"'{filePath}' is damaged at byte {position}: {reason}. Nothing was changed.", innerException)
    {
        FilePath = filePath;
        Position = position;
    }

    /// <summary>The damaged file.</summary>
    public string FilePath { get; }

    /// <summary>Where in the file the damage begins, in bytes.</summary>
    public long Position { get; }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.Stop;
}
