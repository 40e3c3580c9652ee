using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>What a relay tells the log.</summary>
internal static partial class OutboxLog
{
    [LoggerMessage(1, LogLevel.Warning, "The relay of outbox '{Outbox}' failed for the {Failures}th time in a row and tries again in {Delay}")]
    public static partial void Failed(ILogger logger, Exception exception, string outbox, int failures, TimeSpan delay);

    [LoggerMessage(2, LogLevel.Information, "The relay of outbox '{Outbox}' goes on after {Failures} failures")]
    public static partial void GoesOn(ILogger logger, string outbox, int failures);
}
