using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>
/// What code that works inside a transaction may do: write, to any topic. It cannot commit; that is for whoever owns the <see cref="Transaction"/>.
/// Thread-safe.
/// </summary>
public abstract class TransactionWriter
{
    private readonly RecordSender _sender;

    private protected TransactionWriter(RecordSender sender) => _sender = sender;

    /// <summary>The producer's transactional id.</summary>
    public string TransactionalId => _sender.Accumulator.Settings.TransactionalId!;

    /// <summary>
    /// Makes a record part of the transaction. Completes as soon as there is buffer space: nothing written in a transaction needs an acknowledgement of its
    /// own, the commit is the acknowledgement of all. A record that fails makes the transaction abortable only, so that a commit can never leave one out.
    /// </summary>
    /// <param name="topic">The topic to write to.</param>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the transaction; a cancelled call has written nothing.</param>
    /// <exception cref="InvalidOperationException">The transaction has ended.</exception>
    /// <exception cref="BrokerException">The record cannot be part of the transaction; <see cref="BrokerException.Recovery"/> says what to do.</exception>
    public ValueTask SendAsync<TKey, TValue>(Topic<TKey, TValue> topic, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        SendAsync(topic, new ProducerRecord<TKey, TValue>(key, value), cancellationToken);

    /// <summary>Makes a record with headers, timestamp or partition of its own part of the transaction.</summary>
    /// <param name="topic">The topic to write to.</param>
    /// <param name="record">The record.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the transaction.</param>
    public ValueTask SendAsync<TKey, TValue>(Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var accepted = _sender.PostAsync(topic, record, scope: this, cancellationToken);
        return accepted.IsCompletedSuccessfully ? default : NoteFailureAsync(accepted);
    }

    private protected RecordAccumulator Accumulator => _sender.Accumulator;

    private async ValueTask NoteFailureAsync(ValueTask accepted)
    {
        try
        {
            await accepted.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The caller took the record back; the transaction is whole without it.
            throw;
        }
        catch (Exception exception)
        {
            Accumulator.FailTransaction(this, exception);
            throw;
        }
    }
}
