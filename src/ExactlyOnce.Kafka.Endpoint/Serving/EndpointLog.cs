using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>What an endpoint logs. Nothing that a client chose, and no payload, is ever among it.</summary>
internal static partial class EndpointLog
{
    [LoggerMessage(1, LogLevel.Information, "Listening for Kafka clients on {Endpoint}.")]
    public static partial void Listening(ILogger logger, string endpoint);

    [LoggerMessage(2, LogLevel.Warning, "Refused a connection from {Remote}: there are {Count} connections.")]
    public static partial void TooManyConnections(ILogger logger, string remote, int count);

    [LoggerMessage(3, LogLevel.Warning, "Closed the connection {Connection} from {Remote}: {Reason}")]
    public static partial void ProtocolViolated(ILogger logger, string connection, string remote, string reason);

    [LoggerMessage(4, LogLevel.Error, "Closed the connection {Connection} from {Remote}: a request of {Api} v{Version} failed.")]
    public static partial void RequestFailed(ILogger logger, Exception exception, string connection, string remote, string api, short version);

    [LoggerMessage(6, LogLevel.Warning, "A login from {Remote} failed.")]
    public static partial void LoginFailed(ILogger logger, string remote);

    [LoggerMessage(5, LogLevel.Debug, "The connection {Connection} from {Remote} ended.")]
    public static partial void ConnectionEnded(ILogger logger, string connection, string remote);
}
