using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>
/// Batches into a store of the application's, which holds the offsets beside the effects. The group only shares out the partitions. A dead letter is published
/// between two steps of the store: to its record, and over it. When the process dies after it is published, whoever comes next finds the store at a record that
/// is in the dead-letter topic, and makes the second step.
/// </summary>
internal sealed class SinkOutput<TKey, TValue>(
    Broker broker, Topic<TKey, TValue> topic, string pipeline, string? deadLetterTopic, ITransactionalSink<TKey, TValue> sink)
    : PipelineOutput<TKey, TValue>
{
    private readonly SinkDeadLetters? _deadLetters = deadLetterTopic is null ? null : new SinkDeadLetters(broker, deadLetterTopic, pipeline);

    private readonly TypedContents<TKey, TValue> _steps = new(topic);

    public override Func<TopicPartition, CancellationToken, ValueTask<long?>>? FindPosition => TakeOverAsync;

    public override ValueTask StoreStartAsync(ConsumerSession session, TopicPartition partition, long offset, CancellationToken cancellationToken) =>
        WriteStepAsync(partition, offset, cancellationToken);

    public override async ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FindCommittedAsync(
        IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        var committed = new Dictionary<TopicPartition, CommittedOffset>();
        foreach (var partition in partitions)
            if (await AskAsync(sink.PeekNextOffsetAsync, partition, cancellationToken).ConfigureAwait(false) is { } offset)
                committed.Add(partition, new CommittedOffset(offset));
        return committed;
    }

    public override ValueTask ProcessAsync(ConsumerSession session, ConsumerBatch<TKey, TValue> batch, CancellationToken cancellationToken) =>
        WriteAsync(batch, cancellationToken);

    public override async ValueTask DeadLetterAsync(ConsumerSession session, DeadLetter letter, long nextOffset, CancellationToken cancellationToken)
    {
        // A store that does not answer, or has another owner by now, is no reason to give up a record: it is asked before the letter is out.
        await WriteStepAsync(letter.Source, letter.Offset, cancellationToken).ConfigureAwait(false);
        await _deadLetters!.PublishAsync(letter, cancellationToken).ConfigureAwait(false);
        await WriteStepAsync(letter.Source, nextOffset, cancellationToken).ConfigureAwait(false);
    }

    public override ValueTask DisposeAsync() => _deadLetters?.DisposeAsync() ?? default;

    private async ValueTask<long?> TakeOverAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        var next = await AskAsync(sink.LoadNextOffsetAsync, partition, cancellationToken).ConfigureAwait(false);
        // Behind the store, which from now on refuses the step that others take before they publish a letter.
        if (_deadLetters is null || !await _deadLetters.TakeOverAsync(partition, next, cancellationToken).ConfigureAwait(false))
            return next;
        await WriteStepAsync(partition, next!.Value + 1, cancellationToken).ConfigureAwait(false);
        return next + 1;
    }

    private async ValueTask<long?> AskAsync(
        Func<TopicPartition, CancellationToken, ValueTask<long?>> ask, TopicPartition partition, CancellationToken cancellationToken)
    {
        try
        {
            return await ask(partition, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (HandlerFailure.Is(exception, cancellationToken) && exception is not BrokerException)
        {
            // The store does not answer: set up anew, later.
            throw new TransientException(ErrorCode.HandlerFailed, $"The sink of pipeline '{pipeline}' did not load the offset of {partition}: {exception.Message}", exception);
        }
    }

    private async ValueTask WriteStepAsync(TopicPartition partition, long nextOffset, CancellationToken cancellationToken)
    {
        _steps.BecomeStep(nextOffset);
        try
        {
            await WriteAsync(_steps.Open(partition), cancellationToken).ConfigureAwait(false);
        }
        catch (HandlerFailure failure)
        {
            // No record is to blame for it, so no record is tried again: set up anew, later, at what the store holds.
            throw new TransientException(
                ErrorCode.HandlerFailed, $"The sink of pipeline '{pipeline}' did not store offset {nextOffset} of {partition}: {failure.Cause.Message}", failure.Cause);
        }
    }

    private async ValueTask WriteAsync(ConsumerBatch<TKey, TValue> batch, CancellationToken cancellationToken)
    {
        try
        {
            await CallAsync(batch, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (HandlerFailure.Is(exception, cancellationToken))
        {
            throw HandlerFailure.Of(exception, batch.TopicPartition);
        }
    }

    private async ValueTask CallAsync(ConsumerBatch<TKey, TValue> batch, CancellationToken cancellationToken)
    {
        var partition = batch.TopicPartition;
        broker.Backend.EnterHandler(pipeline, partition);
        var isSuccess = false;
        try
        {
            await sink.WriteAsync(batch, cancellationToken).ConfigureAwait(false);
            isSuccess = true;
        }
        finally
        {
            if (broker.Backend.BehindHandler is { } scheduler)
                await new SchedulerHop(scheduler);
            broker.Backend.LeaveHandler(pipeline, partition, isSuccess);
        }
    }
}
