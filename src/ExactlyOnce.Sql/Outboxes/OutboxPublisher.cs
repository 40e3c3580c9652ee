using System.Security.Cryptography;
using System.Text;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>
/// Writes numbered rows into their topics. Each topic has a producer with an identity of its own, whose last source sequence the broker keeps beside the
/// records: a row that is sent again, after whatever, is a duplicate there. Opening a producer fences that of another relay. Owned by one relay, called by one
/// loop.
/// </summary>
internal sealed class OutboxPublisher(Broker broker, string name, OutboxSource source) : IAsyncDisposable
{
    private readonly Dictionary<string, Producer<byte[], byte[]>> _producers = [];

    /// <summary>Completes when all of them are in the log, as durable as the broker makes it.</summary>
    /// <exception cref="SqlMismatchException">A row cannot be published.</exception>
    /// <exception cref="StaleEpochException">A newer relay has taken over.</exception>
    public async ValueTask PublishAsync(List<OutboxRow> rows, CancellationToken cancellationToken)
    {
        try
        {
            await PublishAllAsync(rows, cancellationToken).ConfigureAwait(false);
        }
        catch (ProducerFencedException exception)
        {
            // An older relay that was asleep fences, too, with the last it does before it is told that it is old. Who is the newer one, the database knows.
            await source.ThrowIfStaleAsync(cancellationToken).ConfigureAwait(false);
            throw new TransientException(
                ErrorCode.CoordinatorNotAvailable, $"An older relay of outbox '{name}' has got in the way; this one opens its producers anew.", exception);
        }
    }

    /// <summary>Closes the producers; the next row opens them anew.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var producer in _producers.Values)
            await producer.DisposeAsync().ConfigureAwait(false);
        _producers.Clear();
    }

    private async ValueTask PublishAllAsync(List<OutboxRow> rows, CancellationToken cancellationToken)
    {
        foreach (var row in rows)
            await PostAsync(row, cancellationToken).ConfigureAwait(false);
        try
        {
            foreach (var producer in _producers.Values)
                await producer.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BrokerException exception) when (IsForTheRow(exception))
        {
            await PublishOneByOneAsync(rows, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A batch was refused for one of its rows: which one, its neighbours do not know. Those that are in the log already are duplicates.</summary>
    private async ValueTask PublishOneByOneAsync(List<OutboxRow> rows, CancellationToken cancellationToken)
    {
        await DisposeAsync().ConfigureAwait(false);
        foreach (var row in rows)
        {
            await PostAsync(row, cancellationToken).ConfigureAwait(false);
            try
            {
                await _producers[row.Topic].FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (BrokerException exception) when (IsForTheRow(exception))
            {
                throw Refused(row, exception);
            }
        }
    }

    private async ValueTask PostAsync(OutboxRow row, CancellationToken cancellationToken)
    {
        try
        {
            var producer = await OpenAsync(row.Topic, cancellationToken).ConfigureAwait(false);
            await producer.PostAsync(row.ToRecord(), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsForTheRow(exception))
        {
            throw Refused(row, exception);
        }
    }

    private SqlMismatchException Refused(OutboxRow row, Exception cause) => new(
        $"Row {row.Id} of outbox '{name}' cannot be written to topic '{row.Topic}': {cause.Message} Correct the row, the topic or its settings, or delete the "
        + "row; until then the relay stands still, because the rows behind it must not overtake it.", cause);

    private static bool IsForTheRow(Exception exception) =>
        exception is ArgumentException or FormatException or BrokerException { Recovery: ErrorRecovery.FixRequest };

    private async ValueTask<Producer<byte[], byte[]>> OpenAsync(string topicName, CancellationToken cancellationToken)
    {
        if (_producers.TryGetValue(topicName, out var known))
            return known;
        var topic = Topic.Create(topicName, Serdes.Bytes, Serdes.Bytes);
        var producer = await broker.CreateProducer(topic).WithIdentity(IdentityFor(topicName)).BuildAsync(cancellationToken).ConfigureAwait(false);
        _producers.Add(topicName, producer);
        if (await producer.GetLastSourceSequenceAsync(cancellationToken).ConfigureAwait(false) is not { } last || last < source.NextSequence)
            return producer;
        // To a relay that is not told yet that it is old, the newer one has counted further.
        await source.ThrowIfStaleAsync(cancellationToken).ConfigureAwait(false);
        throw CountsAgain(topicName, last);
    }

    private SqlMismatchException CountsAgain(string topicName, long last) => new(
        $"The broker has row {last} of outbox '{name}' in topic '{topicName}', but the database has counted only to {source.NextSequence - 1}: it was "
        + "replaced or restored from a backup, and rows that it now counts again would be taken for duplicates. "
        + $"Set next_offset of consumer '{name}', topic '{OutboxSource.CounterName}' to {last + 1} in the table of offsets. Rows that are in the outbox with a "
        + "sequence_number up to that are published already if the database is a backup, and not if it is a new one (then set their sequence_number to null).");

    // An identity has at most 249 characters, and a topic's name may have that many.
    private string IdentityFor(string topicName)
    {
        var identity = $"{name}/{topicName}";
        return identity.Length <= 249 ? identity : $"{name}/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(topicName)))}";
    }
}
