namespace ExactlyOnce.Sql;

/// <summary>
/// The database and the broker do not belong together (any more): a topic was replaced, a database restored from a backup, or a table is missing. Going on
/// would lose or repeat something, so nothing was done; the message says what to look at, and what to do.
/// </summary>
public sealed class SqlMismatchException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public SqlMismatchException(string message, Exception? innerException = null)
        : base(ErrorCode.InvalidConfig, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.Stop;
}
