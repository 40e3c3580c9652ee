using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Diagnostics;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>
/// One worker of a pipeline: reads its share of the partitions, batch by batch, and sees to it that every batch takes effect once. After a failure it goes back
/// to the batch's beginning: later, then in pieces, then without the record that is to blame, as the options say. Lives for one run. When its clients are of no
/// use any more (fenced, partition lost, transaction undecided) it makes new ones, which begin at what is committed.
/// Exceptions: everything that ends the pipeline goes to <see cref="PipelineRun.Fail"/>.
/// </summary>
internal sealed class PipelineWorker<TKey, TValue>(PipelinePlan<TKey, TValue> plan, int worker, PipelineRun run)
{
    // Clients that are lost again and again without a batch in between are not a passing trouble.
    private const int RecreationsMin = 5;

    private readonly PipelineOptions _options = plan.Options;
    private readonly TypedContents<TKey, TValue> _contents = new(plan.Topic);
    private readonly Dictionary<ConsumedPartition, PartitionRetry> _retries = [];
    private long _batchesDone;
    private bool _hasArrived;

    public async Task RunAsync()
    {
        await new SchedulerHop(plan.Backend.Completions);
        try
        {
            await RunUntilEndingAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (run.Draining.IsCancellationRequested)
        {
            // The batch at hand was finished or aborted: nothing is in doubt.
        }
        catch (Exception exception)
        {
            PipelineLog.Stopped(plan.Logger, exception, plan.Name);
            run.Fail(exception);
        }
        finally
        {
            Arrive();
        }
    }

    private async ValueTask RunUntilEndingAsync()
    {
        var failures = 0;
        while (true)
        {
            var batchesDone = _batchesDone;
            try
            {
                await RunClientsAsync().ConfigureAwait(false);
                return;
            }
            catch (BrokerException exception) when (IsWorthNewClients(exception) && failures < Math.Max(_options.MaxAttempts, RecreationsMin))
            {
                failures = _batchesDone == batchesDone ? failures + 1 : 1;
                var delay = _options.DelayAfter(failures);
                PipelineLog.WorkerRecreated(plan.Logger, exception, plan.Name, worker, exception.Code, delay);
                await Task.Delay(delay, plan.Backend.Time, run.Draining).ConfigureAwait(false);
            }
        }
    }

    // A broker that has stopped writing commits nothing for new clients either.
    private bool IsWorthNewClients(BrokerException exception) =>
        plan.Backend.Failure is null && exception.Recovery is ErrorRecovery.RecreateClient or ErrorRecovery.Retry or ErrorRecovery.AbortTransaction;

    private async ValueTask RunClientsAsync()
    {
        await using var output = await plan.OpenOutputAsync(worker, run.Ending).ConfigureAwait(false);
        await using var session = plan.OpenSession(output, run);
        try
        {
            await JoinAsync(session).ConfigureAwait(false);
            while (!run.Draining.IsCancellationRequested && await ReadAsync(session, output).ConfigureAwait(false))
                if (_contents.Count > 0)
                    await HandleAsync(session, output, _contents.Partition!).ConfigureAwait(false);
        }
        finally
        {
            foreach (var retry in _retries.Values)
                retry.Dispose();
            _retries.Clear();
        }
    }

    // The workers share out the partitions before any of them begins: a handler that is slow with its first batch would otherwise hold the shares of those who
    // come after it.
    private async ValueTask JoinAsync(ConsumerSession session)
    {
        if (_options.Workers == 1)
            return;
        await session.StartAsync(run.Draining).ConfigureAwait(false);
        Arrive();
        if (run.AllArrived.IsCompleted)
            return;
        await run.AllArrived.WaitAsync(run.Draining).ConfigureAwait(false);
        await new SchedulerHop(plan.Backend.Completions);
    }

    private void Arrive()
    {
        if (_hasArrived)
            return;
        _hasArrived = true;
        run.Arrive();
    }

    // A record that cannot be read fails for the same reason every time: it is not tried again.
    private async ValueTask<bool> ReadAsync(ConsumerSession session, PipelineOutput<TKey, TValue> output)
    {
        try
        {
            return await session.ReadAsync(_contents, run.Draining).ConfigureAwait(false);
        }
        catch (RecordDeserializationException exception)
        {
            var partition = session.Find(exception.TopicPartition);
            _contents.Invalidate();
            await GiveUpAsync(session, output, partition, DeadLetter.Of(exception), exception.Offset + 1).ConfigureAwait(false);
            return true;
        }
    }

    private async ValueTask HandleAsync(ConsumerSession session, PipelineOutput<TKey, TValue> output, ConsumedPartition partition)
    {
        var first = _contents.Slots[0].Offset;
        // A stopped partition may come to another worker of the pipeline.
        if (run.IsStopped(partition.Id))
        {
            partition.IsPaused = true;
            partition.SeekTo(first);
            return;
        }
        partition.Give(_contents.NextOffset);
        try
        {
            await ProcessAsync(session, output, partition.Id).ConfigureAwait(false);
        }
        catch (HandlerFailure failure)
        {
            await RetryAsync(session, output, partition, failure.Cause, failure.Offset).ConfigureAwait(false);
            return;
        }
        catch (BrokerException exception) when (exception.Recovery is not (ErrorRecovery.RecreateClient or ErrorRecovery.Stop))
        {
            await RetryAsync(session, output, partition, exception, failedAt: null).ConfigureAwait(false);
            return;
        }
        NoteDone(partition, _contents.NextOffset);
    }

    private async ValueTask ProcessAsync(ConsumerSession session, PipelineOutput<TKey, TValue> output, TopicPartition partition)
    {
        var beganAt = plan.Backend.Time.GetTimestamp();
        using var activity = ProcessActivity.Start(partition, plan.Name, _contents);
        try
        {
            await output.ProcessAsync(session, _contents.Open(), run.Ending).ConfigureAwait(false);
            ProcessMeter.RecordProcess(plan.Backend.Time, beganAt, partition, plan.Name, failure: null);
        }
        catch (Exception exception)
        {
            var cause = exception is HandlerFailure failure ? failure.Cause : exception;
            ClientActivity.SetFailure(activity, cause);
            ProcessMeter.RecordProcess(plan.Backend.Time, beganAt, partition, plan.Name, cause);
            throw;
        }
    }

    private void NoteDone(ConsumedPartition partition, long nextOffset)
    {
        _batchesDone++;
        partition.Committed = nextOffset;
        // The search goes on behind a piece that was good, and the record that failed is still to come when only what stands in front of it was done.
        if (_retries.TryGetValue(partition, out var retry) && !(retry.IsSplitting && nextOffset < retry.End) && !(nextOffset <= retry.FailedAt))
            Forget(partition, retry);
    }

    private async ValueTask RetryAsync(
        ConsumerSession session, PipelineOutput<TKey, TValue> output, ConsumedPartition partition, Exception cause, long? failedAt)
    {
        var (first, count, blamed) = (_contents.Slots[0].Offset, _contents.Count, IndexOf(failedAt));
        var retry = FindRetry(session, partition);
        retry.Attempts++;
        if (retry.Attempts < _options.MaxAttempts && !retry.IsSplitting)
        {
            var delay = _options.DelayAfter(retry.Attempts);
            PipelineLog.AttemptFailed(
                plan.Logger, cause, plan.Name, partition.Id, first, _contents.NextOffset, retry.Attempts, _options.MaxAttempts, delay);
            ProcessMeter.HandlerRetries.TryAdd(1, ProcessMeter.TagsOf(partition.Id, plan.Name));
            // What stands in front of the record that failed is done by itself, so that no further attempt repeats it.
            retry.FailedAt = failedAt;
            retry.GoBack(first, blamed > 0 ? blamed : count, delay);
        }
        else if (_options.WhenRetriesExhausted == WhenRetriesExhausted.DeadLetter && (failedAt is null ? count > 1 : blamed > 0))
        {
            // The record that failed, when it is known, is cut out: what stands in front of it first. Otherwise the batch is halved.
            retry.IsSplitting = true;
            var piece = failedAt is null ? count / 2 : blamed;
            PipelineLog.Splitting(plan.Logger, plan.Name, partition.Id, first, _contents.NextOffset, piece);
            retry.GoBack(first, piece, TimeSpan.Zero);
        }
        else
        {
            var letter = DeadLetter.Of(_contents, blamed, cause, retry.Attempts);
            await GiveUpAsync(session, output, partition, letter, _contents.PositionAfter(blamed)).ConfigureAwait(false);
        }
    }

    private int IndexOf(long? offset)
    {
        for (var i = 0; i < _contents.Count; i++)
            if (_contents.Slots[i].Offset == offset)
                return i;
        return 0;
    }

    private async ValueTask GiveUpAsync(
        ConsumerSession session, PipelineOutput<TKey, TValue> output, ConsumedPartition partition, DeadLetter letter, long nextOffset)
    {
        switch (_options.WhenRetriesExhausted)
        {
            case WhenRetriesExhausted.DeadLetter:
                await output.DeadLetterAsync(session, letter, nextOffset, run.Ending).ConfigureAwait(false);
                PipelineLog.DeadLettered(plan.Logger, letter.Cause, plan.Name, letter.Source, letter.Offset, letter.Attempts, _options.DeadLetterTopic!);
                ProcessMeter.HandlerDeadLettered.TryAdd(1, ProcessMeter.TagsOf(partition.Id, plan.Name));
                partition.SeekTo(nextOffset);
                _batchesDone++;
                break;
            case WhenRetriesExhausted.StopPartition:
                partition.IsPaused = true;
                partition.SeekTo(letter.Offset);
                PipelineLog.PartitionStopped(plan.Logger, letter.Cause, plan.Name, letter.Source, letter.Offset, letter.Attempts);
                StopPartition(partition, Failure(letter));
                break;
            default:
                throw Failure(letter);
        }
        if (_retries.TryGetValue(partition, out var retry))
            Forget(partition, retry);
    }

    private void StopPartition(ConsumedPartition partition, HandlerFailedException failure)
    {
        run.StopPartition(partition.Id, failure);
        var partitions = plan.Backend.TryGetTopic(plan.Topic.Name)?.Partitions ?? 0;
        if (run.StoppedPartitions.Count >= partitions && !run.UntilCaughtUp)
            run.Fail(failure);
    }

    private HandlerFailedException Failure(DeadLetter letter) => new(
        $"Pipeline '{plan.Name}' failed on {letter.Source}@{letter.Offset} after {letter.Attempts} attempts: {letter.Cause.Message}",
        letter.Source, letter.Offset, letter.Attempts, letter.Cause);

    private PartitionRetry FindRetry(ConsumerSession session, ConsumedPartition partition)
    {
        if (_retries.TryGetValue(partition, out var known))
            return known;
        foreach (var (former, retry) in _retries)
            if (!session.Partitions.Contains(former))
                Forget(former, retry);
        var added = new PartitionRetry(session, partition, _contents.Slots[_contents.Count - 1].Offset + 1, plan.Backend.Time);
        _retries.Add(partition, added);
        return added;
    }

    private void Forget(ConsumedPartition partition, PartitionRetry retry)
    {
        _retries.Remove(partition);
        retry.Dispose();
    }
}
