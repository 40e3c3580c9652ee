using ExactlyOnce.Clients;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Environment;

namespace ExactlyOnce;

/// <summary>The one place where the client library meets an engine: opens the broker that validated options describe.</summary>
internal static class BackendOpening
{
    public static BrokerBackend OpenInMemory(BrokerOptions options) =>
        new EngineBackend(BrokerEngine.Open(EnvironmentOf(options), ToEngineOptions(options)));

    /// <summary>Opening reads, replays and syncs, so it blocks a thread that is not the caller's.</summary>
    public static async ValueTask<BrokerBackend> OpenAsync(BrokerOptions options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (options.Directory is null)
            return OpenInMemory(options);
        var environment = EnvironmentOf(options);
        var opening = new TaskCompletionSource<BrokerBackend>(TaskCreationOptions.RunContinuationsAsynchronously);
        environment.Completions.Schedule(
            _ =>
            {
                try
                {
                    opening.SetResult(new EngineBackend(BrokerEngine.Open(environment, ToEngineOptions(options))));
                }
                catch (Exception exception)
                {
                    opening.SetException(exception);
                }
            },
            null);
        return await opening.Task.ConfigureAwait(false);
    }

    private static BrokerEnvironment EnvironmentOf(BrokerOptions options) =>
        options.Environment ?? new SystemEnvironment(options.TimeProvider, options.LoggerFactory);

    private static EngineOptions ToEngineOptions(BrokerOptions options) => new()
    {
        Directory = options.Directory is { } directory ? Path.GetFullPath(directory) : null,
        Durability = options.EffectiveDurability,
        CommitDelay = options.CommitDelay,
        JournalFileBytes = options.JournalFileBytes,
        CheckpointBytes = options.CheckpointBytes,
        TailBytesMax = options.TailBytesMax,
        JournalQueueBytesMax = options.JournalQueueBytesMax,
        CheckpointInterval = options.CheckpointInterval,
        SyncInterval = options.SyncInterval,
        TransactionTimeoutMax = options.MaxTransactionTimeout,
        ProducerExpiry = options.ProducerExpiry,
        TransactionalIdExpiry = options.TransactionalIdExpiry,
        OffsetsRetention = options.OffsetsRetention,
        CloseTimeout = options.CloseTimeout,
        StrictKafka = options.StrictKafka,
        Codecs = [.. options.Codecs],
    };
}
