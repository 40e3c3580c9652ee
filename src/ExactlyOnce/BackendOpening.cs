using ExactlyOnce.Clients;

namespace ExactlyOnce;

/// <summary>The one place where the client library meets an engine: opens the broker that validated options describe.</summary>
internal static class BackendOpening
{
    private const string NoEngine = "No engine is linked into this build.";

    public static BrokerBackend OpenInMemory(BrokerOptions options) => throw new PlatformNotSupportedException(NoEngine);

    public static ValueTask<BrokerBackend> OpenAsync(BrokerOptions options, CancellationToken cancellationToken) =>
        throw new PlatformNotSupportedException(NoEngine);
}
