using ExactlyOnce.Hosting.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce.Hosting.Running;

/// <summary>
/// Calls handlers that come from the application's services: one scope for a batch, the batch's transaction in reach of what the handler publishes.
/// </summary>
internal static class HandlerScope
{
    /// <summary>Makes a pipeline whose batches are worked on by <typeparamref name="THandler"/>.</summary>
    public static Pipeline Process<THandler, TKey, TValue>(
        PipelineBuilder<TKey, TValue> pipeline,
        IServiceProvider provider,
        HostedBroker broker,
        Func<THandler, ConsumerBatch<TKey, TValue>, TransactionWriter, CancellationToken, ValueTask> handle) where THandler : notnull
    {
        var scopes = provider.GetRequiredService<IServiceScopeFactory>();
        return pipeline.Process(async (batch, output, cancellationToken) =>
        {
            await using var scope = scopes.CreateAsyncScope();
            using var flow = broker.EnterHandler(output);
            await handle(scope.ServiceProvider.GetRequiredService<THandler>(), batch, output, cancellationToken).ConfigureAwait(false);
        });
    }

    /// <summary>As <see cref="Process"/>, record by record: a failure is that of the record, and of no other.</summary>
    public static Pipeline ProcessEach<THandler, TKey, TValue>(
        PipelineBuilder<TKey, TValue> pipeline,
        IServiceProvider provider,
        HostedBroker broker,
        Func<THandler, ConsumerRecord<TKey, TValue>, CancellationToken, ValueTask> handle) where THandler : notnull =>
        Process<THandler, TKey, TValue>(pipeline, provider, broker, async (handler, batch, _, cancellationToken) =>
        {
            foreach (var record in batch)
            {
                try
                {
                    await handle(handler, record, cancellationToken).ConfigureAwait(false);
                }
                catch (Exception exception) when (IsOfRecord(exception, cancellationToken))
                {
                    throw HandlerFailedException.At(record.TopicPartition, record.Offset, exception);
                }
            }
        });

    /// <summary>Sets what the configuration says about the pipeline; it wins over the code, whose values are what the application recommends.</summary>
    public static PipelineBuilder<TKey, TValue> WithConfiguration<TKey, TValue>(
        this PipelineBuilder<TKey, TValue> pipeline, IServiceProvider provider, string broker, string name)
    {
        if (provider.GetService<IConfiguration>() is not { } configuration)
            return pipeline;
        var section = SectionNames.Of(configuration, broker).GetSection(SectionNames.Pipelines).GetSection(name);
        return pipeline.With(options =>
        {
            Settings.Pipelines.ApplyOrThrow(section, options);
            // Another policy that the configuration chooses has no use for the topic that the code has named.
            if (options.WhenRetriesExhausted != WhenRetriesExhausted.DeadLetter && section[nameof(PipelineOptions.WhenRetriesExhausted)] is not null
                && section[nameof(PipelineOptions.DeadLetterTopic)] is null)
                options.DeadLetterTopic = null;
        });
    }

    private static bool IsOfRecord(Exception exception, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested && exception is not BrokerException { Recovery: ErrorRecovery.RecreateClient or ErrorRecovery.Stop };
}
