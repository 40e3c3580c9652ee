using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce.Hosting.Running;

/// <summary>Calls handlers that come from the application's services: one scope for a batch, the batch's transaction in reach of what the handler publishes.</summary>
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
            broker.CurrentWriter = output;
            try
            {
                await handle(scope.ServiceProvider.GetRequiredService<THandler>(), batch, output, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                broker.CurrentWriter = null;
            }
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
                catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is not BrokerException { Recovery: ErrorRecovery.RecreateClient or ErrorRecovery.Stop })
                {
                    throw HandlerFailedException.At(record.TopicPartition, record.Offset, exception);
                }
            }
        });

    /// <summary>Sets what the configuration says about the pipeline; it wins over the code, whose values are what the application recommends.</summary>
    public static PipelineBuilder<TKey, TValue> WithConfiguration<TKey, TValue>(this PipelineBuilder<TKey, TValue> pipeline, IServiceProvider provider, string broker, string name)
    {
        if (provider.GetService<Microsoft.Extensions.Configuration.IConfiguration>() is not { } configuration)
            return pipeline;
        var section = Configuration.SectionNames.Of(configuration, broker).GetSection(Configuration.SectionNames.Pipelines).GetSection(name);
        return pipeline.With(options => Configuration.Settings.Pipelines.ApplyOrThrow(section, options));
    }
}
