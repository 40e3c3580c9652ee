using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients;

/// <summary>What closing a broker writes to the host's log. Event ids are stable: 1100 to 1199.</summary>
internal static partial class BrokerLog
{
    [LoggerMessage(1100, LogLevel.Warning, "A {Client} that was still open could not be closed in order")]
    public static partial void ClientNotClosed(ILogger logger, Exception cause, string client);
}
