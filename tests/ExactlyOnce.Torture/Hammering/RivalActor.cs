using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// Transactions batch by batch under one of two ids that others take over all the time: it fences and is fenced, forgets transactions until they time out,
/// sends batches twice at once, and moves positions with its commits.
/// </summary>
internal sealed class RivalActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    private static readonly TopicPartition[] s_partitions =
        [.. HammerTopics.PartitionsOf(HammerTopics.Left), .. HammerTopics.PartitionsOf(HammerTopics.Right)];

    private readonly string _id = $"rival-{random.Next(2)}";
    private readonly Dictionary<TopicPartition, int> _sequences = [];
    private ProducerSession? _producer;
    private int _session;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        try
        {
            if (_producer is null || Random.Next(40) == 0)
                await InitAsync();
            await TransactAsync(stop);
        }
        catch (BrokerException exception) when (IsExpected(exception.Code))
        {
            _producer = null;
            History.Count("fenced");
        }
    }

    private async Task InitAsync()
    {
        var session = History.NewNumber();
        var init = Invoke(new InitProducer(_id, session));
        try
        {
            _producer = await Hammered.Backend.InitProducerAsync(
                new ProducerRequest { TransactionalId = _id, TransactionTimeout = TimeSpan.FromMilliseconds(Random.Next(300, 5_000)) }, CancellationToken.None);
        }
        catch (BrokerException exception)
        {
            Fail(init, exception);
            throw;
        }
        Complete(init, new ProducerAnswer(_producer.Identity.Id, _producer.Identity.Epoch));
        _session = session;
        _sequences.Clear();
    }

    private async Task TransactAsync(CancellationToken stop)
    {
        var number = History.NewNumber();
        Complete(Invoke(new BeginTransaction(number, _session)));
        for (var count = Random.Next(0, 4); count > 0; count--)
            await WriteAsync(number);
        if (Random.Next(50) == 0)
        {
            // Somebody else will have to end it.
            _producer = null;
            await Task.Delay(Random.Next(1, 500), stop);
            return;
        }
        await EndAsync(number, isCommit: Random.Next(4) != 0);
        _sequences.Clear();
        History.Count("transactions");
    }

    private async Task WriteAsync(long number)
    {
        var partition = Pick(s_partitions);
        var sequence = _sequences.GetValueOrDefault(partition);
        var writes = Enumerable.Range(0, Random.Next(1, 4)).Select(_ => new Write(partition, History.NewNumber(), _session, number)).ToArray();
        var batch = HammerBatch.Sign(Hammered, Process, _producer!, partition, sequence, writes);
        _sequences[partition] = Sequence.Add(sequence, batch.Count);
        var again = Random.Next(4) == 0 ? Task.Run(() => batch.SendAsync(isRetry: true), CancellationToken.None) : Task.CompletedTask;
        await batch.SendAsync(isRetry: false);
        await again;
        if (!batch.IsAcknowledged)
            throw ErrorTable.ToException(batch.Error, "A rival was faster.");
        History.Count("records", batch.Count);
    }

    private async Task EndAsync(long number, bool isCommit)
    {
        var positions = isCommit && Random.Next(3) == 0 ? new Dictionary<TopicPartition, long> { [Pick(s_partitions)] = Random.Next(1_000_000) } : [];
        var noted = positions.Count > 0 ? Invoke(new CommitOffsets(HammerTopics.PositionsGroup, positions, number)) : 0;
        var end = Invoke(new EndTransaction(number, isCommit));
        try
        {
            await Hammered.Backend.EndTransactionAsync(_producer!, isCommit, positions.Count == 0 ? [] :
                [new TransactionOffsets(HammerTopics.PositionsGroup, null, positions.ToDictionary(pair => pair.Key, pair => new CommittedOffset(pair.Value)))]);
        }
        catch (BrokerException exception)
        {
            if (noted != 0)
                Fail(noted, exception);
            Fail(end, exception);
            throw;
        }
        if (noted != 0)
            Complete(noted);
        Complete(end);
    }

    private static bool IsExpected(ErrorCode code) =>
        code is ErrorCode.ProducerFenced or ErrorCode.InvalidProducerEpoch or ErrorCode.TransactionTimedOut or ErrorCode.InvalidTransactionState or ErrorCode.TransactionAbortable;
}
