using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// What went wrong with a producer, and what follows. A refusal told at once, or one that names the batch alone (too large, a bad timestamp), fails the batch's
/// records and nothing else: no sequence number was used. After an error that asks for a new client or to stop, after any other that is told late, and after
/// any error at all of a producer with a name, the producer stops: what is still open fails with the same cause and nothing is sent any more, so that nothing
/// can arrive behind a gap or out of order. In a transaction every failure makes the transaction abortable only. Thread-safe; of several failures the first
/// counts.
/// </summary>
internal sealed class ProducerFaults(ProducerSettings settings, ILogger logger)
{
    private BrokerException? _cause;
    private BrokerException? _transactionFailure;
    private BrokerException? _postFailure;
    private bool _isStopLogged;

    /// <summary>Why the producer stopped; null while it works.</summary>
    public BrokerException? Cause => Volatile.Read(ref _cause);

    /// <summary>Why the open transaction can only be aborted; null while it can be committed.</summary>
    public BrokerException? TransactionFailure => Volatile.Read(ref _transactionFailure);

    /// <summary>
    /// Draws the consequences of a refusal before the partition's lock is released: another thread must not send the next batch, or commit the transaction, in
    /// the moment before this batch is finished.
    /// </summary>
    public void NoteRefusal(BatchOperation batch)
    {
        if (batch.Outcome.Error != ErrorCode.None)
            DrawConsequences(batch, ToException(batch), wasPending: false);
    }

    /// <summary>Books the failure of a batch that is being finished.</summary>
    public void Note(BatchOperation batch, BrokerException failure, bool wasPending)
    {
        if (batch.PostCount > 0)
            Interlocked.CompareExchange(ref _postFailure, failure, null);
        DrawConsequences(batch, failure, wasPending);
        if (Cause is { } cause && Interlocked.Exchange(ref _isStopLogged, true) == false)
            ProducerLog.Stopped(logger, batch.Partition!.Id, cause.Code, cause);
    }

    /// <summary>The first failure of a posted record that nobody was told of yet; told once.</summary>
    public BrokerException? TakePostFailure() => Interlocked.Exchange(ref _postFailure, null);

    public void FailTransaction(BrokerException failure) => Interlocked.CompareExchange(ref _transactionFailure, failure, null);

    /// <summary>A new transaction begins.</summary>
    public void ForgetTransaction() => Volatile.Write(ref _transactionFailure, null);

    /// <summary>Nothing is sent any more.</summary>
    public void StopBy(BrokerException cause) => Interlocked.CompareExchange(ref _cause, cause, null);

    /// <summary>A new identity begins.</summary>
    public void ForgetCause() => Volatile.Write(ref _cause, null);

    public static BrokerException ToException(BatchOperation batch) =>
        batch.Outcome.Exception
        ?? ErrorTable.ToException(batch.Outcome.Error, $"The batch of {batch.RecordCount} records for {batch.Partition!.Id} was refused: {batch.Outcome.Error}.");

    private void DrawConsequences(BatchOperation batch, BrokerException failure, bool wasPending)
    {
        // The end of a transaction changes the identity: a batch of one that was aborted may fail late, and the next one has nothing to do with it.
        if (settings.IsTransactional && batch.Header.Producer == batch.Session!.Identity)
            FailTransaction(failure);
        if (StopsProducer(failure, wasPending))
            Stop(batch, failure);
    }

    private bool StopsProducer(BrokerException failure, bool wasPending) =>
        failure.Recovery is ErrorRecovery.RecreateClient or ErrorRecovery.Stop
        || (!settings.IsTransactional && (settings.Name is not null || (wasPending && failure.Recovery != ErrorRecovery.FixRequest)));

    private void Stop(BatchOperation batch, BrokerException failure)
    {
        var cause = failure.Recovery is ErrorRecovery.RecreateClient or ErrorRecovery.Stop
            ? failure
            : new ClientInvalidatedException(
                failure.Code,
                $"The producer stopped, because a batch for {batch.Partition!.Id} failed after later ones may have been sent; nothing is sent behind a gap. Create a new producer. {failure.Message}",
                failure);
        StopBy(cause);
    }
}
