using System.Diagnostics;
using System.Runtime.CompilerServices;
using ExactlyOnce.Diagnostics;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The way of a typed record into an accumulator: serialize, check, choose the partition, reserve memory, hand over. Tried at once on the caller's stack; only
/// when something is missing (the topic's partitions, room in the partition, memory) asynchronously, until it succeeds. Cancellation is honoured up to the
/// hand-over, where the record gets its place in the order, and ignored afterwards.
/// </summary>
internal sealed class RecordSender(RecordAccumulator accumulator)
{
    public const string MessageIdHeader = "message-id";

    public RecordAccumulator Accumulator => accumulator;

    /// <summary>Completes with the record's acknowledgement.</summary>
    public ValueTask<RecordMetadata> SendAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, in ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<RecordMetadata>(cancellationToken);
        return ClientActivity.IsListening
            ? SendTracedAsync(topic, record, cancellationToken)
            : SendCoreAsync(topic, record, cancellationToken);
    }

    /// <summary>Completes when the record has its place in a batch. With a scope the record belongs to that transaction.</summary>
    public ValueTask PostAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, in ProducerRecord<TKey, TValue> record, object? scope, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return ClientActivity.IsListening
            ? PostTracedAsync(topic, record, scope, cancellationToken)
            : PostCoreAsync(topic, record, scope, cancellationToken);
    }

    private ValueTask<RecordMetadata> SendCoreAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, in ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken)
    {
        var attempt = new SendAttempt { IsAwaited = true };
        try
        {
            return accumulator.Line.IsEmpty && TryOnce(topic, record, ref attempt)
                ? AnswerAsync(attempt)
                : SendWhenPossibleAsync(topic, record, attempt, cancellationToken);
        }
        catch (Exception exception)
        {
            accumulator.Memory.Release(attempt.ReservedBytes);
            return ValueTask.FromException<RecordMetadata>(exception);
        }
    }

    private ValueTask PostCoreAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, in ProducerRecord<TKey, TValue> record, object? scope, CancellationToken cancellationToken)
    {
        var attempt = new SendAttempt { IsAwaited = false, Scope = scope };
        try
        {
            return accumulator.Line.IsEmpty && TryOnce(topic, record, ref attempt)
                ? default
                : PostWhenPossibleAsync(topic, record, attempt, cancellationToken);
        }
        catch (Exception exception)
        {
            accumulator.Memory.Release(attempt.ReservedBytes);
            return ValueTask.FromException(exception);
        }
    }

    private async ValueTask<RecordMetadata> SendWhenPossibleAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, SendAttempt attempt, CancellationToken cancellationToken)
    {
        var accepted = await AcceptWhenPossibleAsync(topic, record, attempt, cancellationToken).ConfigureAwait(false);
        return await AnswerAsync(accepted).ConfigureAwait(false);
    }

    private async ValueTask PostWhenPossibleAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, SendAttempt attempt, CancellationToken cancellationToken) =>
        await AcceptWhenPossibleAsync(topic, record, attempt, cancellationToken).ConfigureAwait(false);

    private async ValueTask<SendAttempt> AcceptWhenPossibleAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, SendAttempt attempt, CancellationToken cancellationToken)
    {
        var isEntered = false;
        try
        {
            await accumulator.Line.EnterAsync(cancellationToken).ConfigureAwait(false);
            isEntered = true;
            do
            {
                attempt.ReservedBytes += await AwaitMissingAsync(topic.Name, attempt, cancellationToken).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }
            while (!TryOnce(topic, record, ref attempt));
            return attempt;
        }
        catch
        {
            accumulator.Memory.Release(attempt.ReservedBytes);
            throw;
        }
        finally
        {
            if (isEntered)
                accumulator.Line.Leave();
        }
    }

    /// <summary>Waits for what stood in the way, no longer than the producer is open. Answers how much memory was reserved.</summary>
    private async ValueTask<int> AwaitMissingAsync(string topic, SendAttempt attempt, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, accumulator.Closing);
        try
        {
            if (attempt.Congested is { } partition)
                await partition.WaitForRoomAsync(ending.Token).ConfigureAwait(false);
            else if (attempt.MissingBytes > 0)
                return await ReserveAsync(attempt.MissingBytes, ending.Token).ConfigureAwait(false);
            else
                await accumulator.ResolveAsync(topic, ending.Token).ConfigureAwait(false);
            return 0;
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            accumulator.ThrowIfClosed();
            throw;
        }
    }

    private async ValueTask<int> ReserveAsync(int bytes, CancellationToken cancellationToken)
    {
        // What is open holds memory too; sent, it comes back.
        accumulator.SealAll();
        await accumulator.Memory.ReserveAsync(bytes, cancellationToken).ConfigureAwait(false);
        return bytes;
    }

    /// <summary>One try, from serializer to batch, on one stack. False when something is missing that can be waited for; the attempt says what.</summary>
    private bool TryOnce<TKey, TValue>(Topic<TKey, TValue> topic, in ProducerRecord<TKey, TValue> record, ref SendAttempt attempt)
    {
        attempt.Congested = null;
        attempt.MissingBytes = 0;
        accumulator.ThrowIfClosed();
        if (accumulator.TryGetRoute(topic.Name) is not { } route)
            return false;
        var scratch = RecordScratch.Rent();
        try
        {
            var encoded = scratch.Encode(accumulator, topic, record);
            Describe(ref encoded, record, route.Options);
            return TryAccept(encoded, route, ref attempt);
        }
        finally
        {
            scratch.Return();
        }
    }

    private bool TryAccept(in EncodedRecord record, TopicRoute route, ref SendAttempt attempt)
    {
        var settings = accumulator.Settings;
        var partition = route.Choose(record, settings.Partitioner);
        if (partition.Partition.IsCongested)
        {
            attempt.Congested = partition.Partition;
            return false;
        }
        var sealNow = attempt.IsAwaited && settings.Linger == TimeSpan.Zero;
        if (sealNow && attempt.ReservedBytes == 0 && partition.TrySendAlone(record, ref attempt))
            return true;
        switch (partition.Accept(record, ref attempt, sealNow))
        {
            case AcceptStatus.Accepted:
                return true;
            case AcceptStatus.DuplicateSource:
                accumulator.Memory.Release(attempt.ReservedBytes);
                attempt.ReservedBytes = 0;
                attempt.DuplicateAt = partition.Partition;
                return true;
            default:
                attempt.MissingBytes = (int)record.SizeBytesMax;
                return false;
        }
    }

    private ValueTask<RecordMetadata> AnswerAsync(in SendAttempt attempt)
    {
        if (attempt.IsAnswered)
            return new ValueTask<RecordMetadata>(attempt.Answer);
        if (attempt.DuplicateAt is { } partition)
            return accumulator.AnswerDuplicateAsync(partition);
        var send = attempt.Send!;
        return send.IsFinishedInline ? send.TakeOutcome() : send.Task;
    }

    /// <summary>Completes and checks what the caller said about the record beside key and value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Describe<TKey, TValue>(ref EncodedRecord encoded, in ProducerRecord<TKey, TValue> record, TopicOptions options)
    {
        // Most records are a key and a value and nothing else.
        if (record.HasExtras || accumulator.Settings.Name is not null)
            DescribeExtras(ref encoded, record, options);
        var bound = encoded.SizeBytesMax + Kernel.Records.BatchHeader.Size;
        if (bound > options.MaxMessageBytes || bound > accumulator.Memory.TotalBytes)
            CheckSize(encoded, options);
    }

    private void DescribeExtras<TKey, TValue>(ref EncodedRecord encoded, in ProducerRecord<TKey, TValue> record, TopicOptions options)
    {
        encoded.Headers = record.Headers;
        if (record.Partition is { } partition)
            encoded.Partition = CheckPartition(partition);
        if (record.Timestamp is { } timestamp)
            encoded.TimestampMs = CheckTimestamp(timestamp, options);
        if (record.SourceSequence is { } sequence)
            encoded.SourceSequence = CheckSourceSequence(sequence);
        else if (accumulator.Settings.Name is { } name)
            throw new InvalidOperationException(
                $"Producer '{name}' has an identity, and without its number in the source a record would be written again after a crash: pass sourceSequence.");
        if (record.MessageId is { } messageId)
        {
            CheckMessageId(messageId, options, accumulator.Settings.Name);
            encoded.MessageId = messageId;
            encoded.Headers = (record.Headers ?? RecordHeaders.Empty).With(MessageIdHeader, messageId);
        }
    }

    private static int CheckPartition(int partition)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        return partition;
    }

    private long CheckTimestamp(DateTimeOffset timestamp, TopicOptions options)
    {
        var timestampMs = timestamp.ToUnixTimeMilliseconds();
        if (timestampMs < 0)
            throw new ArgumentOutOfRangeException(nameof(timestamp), timestamp, "A record's timestamp cannot lie before 1970.");
        if (options.TimestampType == TimestampType.CreateTime && options.TimestampMaxAhead != TopicOptions.Forever
            && timestamp - accumulator.Time.GetUtcNow() > options.TimestampMaxAhead)
            throw new InvalidTimestampException(
                $"The timestamp {timestamp:O} lies more than {options.TimestampMaxAhead} ahead of the broker's clock; raise the topic's TimestampMaxAhead or correct the timestamp.");
        return timestampMs;
    }

    private long CheckSourceSequence(long sequence)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        if (accumulator.Settings.Name is null)
            throw new InvalidOperationException("Only a producer with an identity has a source sequence: build it with WithIdentity(name).");
        return sequence;
    }

    private static void CheckMessageId(string messageId, TopicOptions options, string? producer)
    {
        if (messageId.Length == 0)
            throw new ArgumentException("A message id cannot be empty.", nameof(messageId));
        // Its step holds batches and a sequence, and no ids: they would be neither looked up nor remembered.
        if (producer is not null)
            throw new InvalidOperationException(
                $"Producer '{producer}' has an identity: its records are known by their sourceSequence. A message id is for producers without one.");
        if (options.MessageIdWindow <= TimeSpan.Zero)
            throw new InvalidOperationException("The topic does not remember message ids: set its MessageIdWindow.");
    }

    /// <summary>The exact size decides; the bound that was too large counts what a record may take at most.</summary>
    private void CheckSize(in EncodedRecord record, TopicOptions options)
    {
        var size = record.SizeAlone;
        if (size > options.MaxMessageBytes)
            throw new RecordTooLargeException(
                $"The record takes {size} bytes as a batch of its own; the topic accepts {options.MaxMessageBytes} (TopicOptions.MaxMessageBytes).", size, options.MaxMessageBytes);
        if (record.SizeBytesMax > accumulator.Memory.TotalBytes)
            throw new RecordTooLargeException(
                $"The record takes {size} bytes; the producer's buffer memory is {accumulator.Memory.TotalBytes} (WithBufferMemory).", size, accumulator.Memory.TotalBytes);
    }

    // Tracing

    private async ValueTask<RecordMetadata> SendTracedAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken)
    {
        using var activity = ClientActivity.StartSend(topic.Name);
        try
        {
            var metadata = await SendCoreAsync(topic, ClientActivity.Inject(activity, record), cancellationToken).ConfigureAwait(false);
            ClientActivity.SetPlace(activity, metadata);
            return metadata;
        }
        catch (Exception exception)
        {
            ClientActivity.SetFailure(activity, exception);
            throw;
        }
    }

    private async ValueTask PostTracedAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, object? scope, CancellationToken cancellationToken)
    {
        using var activity = ClientActivity.StartSend(topic.Name);
        try
        {
            await PostCoreAsync(topic, ClientActivity.Inject(activity, record), scope, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            ClientActivity.SetFailure(activity, exception);
            throw;
        }
    }
}
