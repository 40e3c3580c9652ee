using System.Text;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Testing.Workloads;

/// <content>What the operations of small workloads are made of.</content>
internal sealed partial class Life
{
    public const string Passing = "passing";

    /// <summary>Holds prepared transactions and nothing else, because what is undecided holds readers back.</summary>
    public static readonly Topic<string, string> Held = Topic.Create("held", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Keyed = Topic.Create("keyed", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Brief = Topic.Create("brief", Serdes.Utf8, Serdes.Utf8);
    public static readonly TimeSpan BriefTime = TimeSpan.FromHours(1);

    private static readonly TopicPartition s_deleted = new(Plain.Name, 1);
    private static readonly TopicPartition s_signed = new(Plain.Name, 2);

    private TransactionalProducer? _opener;
    private (WrittenTransaction Written, Transaction Transaction)? _open;

    public void Advance(TimeSpan time)
    {
        _environment.Clock.Advance(time);
        _promises.Now = _environment.Clock.GetUtcNow();
        _environment.RunUntilIdle();
    }

    /// <summary>Begins a transaction, or goes on in the one that is open.</summary>
    public async Task SendInOpenTransactionAsync()
    {
        _opener ??= await Broker.CreateTransactionalProducerAsync("opener", new TransactionalProducerOptions { BatchSize = 512, MaxAttempts = 1 });
        _open ??= (_promises.NewTransaction(), await _opener.BeginTransactionAsync());
        await WriteAsync(_open.Value, (Plain, 0), (Output, 2));
    }

    /// <summary>Ends the open transaction; one that has timed out is refused.</summary>
    public async Task EndOpenTransactionAsync(bool commit)
    {
        if (_open is not var (written, transaction))
            return;
        _open = null;
        _promises.Note(written, commit ? Fate.Unknown : Fate.Aborted, Preparation.None, isAnswer: false);
        try
        {
            await (commit ? transaction.CommitAsync() : transaction.AbortAsync());
        }
        catch (BrokerException exception) when (exception.Recovery != ErrorRecovery.Stop && exception is not TransactionOutcomeUnknownException)
        {
            await transaction.DisposeAsync();
            _promises.Note(written, Fate.Aborted, Preparation.None, isAnswer: false);
            return;
        }
        _promises.Note(written, commit ? Fate.Committed : Fate.Aborted, Preparation.None, isAnswer: true);
    }

    /// <summary>A second process of the same name takes the open transaction's producer over: what was open is aborted, and the first one is told.</summary>
    public async Task TakeOverAsync()
    {
        await SendInOpenTransactionAsync();
        var (written, transaction) = _open!.Value;
        _opener = await Broker.CreateTransactionalProducerAsync("opener", new TransactionalProducerOptions { BatchSize = 512, MaxAttempts = 1 });
        _open = null;
        try
        {
            await transaction.CommitAsync();
            Promises.Require(false, "A producer that was taken over has committed.");
        }
        catch (BrokerException exception) when (exception.Recovery != ErrorRecovery.Stop)
        {
            _promises.Note(written, Fate.Aborted, Preparation.None, isAnswer: false);
        }
    }

    public async Task PrepareAsync()
    {
        var id = $"outer-{_promises.NextNumber()}";
        var producer = await Broker.CreateTransactionalProducerAsync(id, new TransactionalProducerOptions { BatchSize = 512, MaxAttempts = 1 });
        var (written, transaction) = (_promises.NewTransaction(id), await producer.BeginTransactionAsync());
        await WriteAsync((written, transaction), (Held, 0), (Held, 1));
        _promises.Note(written, Fate.Aborted, Preparation.Unknown, isAnswer: false);
        await transaction.PrepareAsync();
        _promises.Note(written, Fate.Aborted, Preparation.Prepared, isAnswer: true);
    }

    /// <summary>Decides everything that is prepared.</summary>
    public async Task DecideAsync(bool commit)
    {
        foreach (var prepared in await Broker.Admin.ListPreparedTransactionsAsync())
        {
            var written = _promises.TransactionOf(prepared.TransactionalId);
            _promises.Note(written, commit ? Fate.Unknown : Fate.Aborted, commit ? Preparation.Deciding : Preparation.Unknown, isAnswer: false);
            await (commit ? Broker.Admin.CommitPreparedAsync(prepared.Token) : Broker.Admin.AbortPreparedAsync(prepared.Token));
            _promises.Note(written, commit ? Fate.Committed : Fate.Aborted, Preparation.None, isAnswer: true);
        }
    }

    public async Task NoteOffsetAsync()
    {
        var (partition, offset) = (new TopicPartition(Plain.Name, 0), (long)_promises.NextNumber());
        _promises.NoteOffset(partition, offset, isAnswer: false);
        await Broker.Backend.CommitOffsetsAsync(Readers, new Dictionary<TopicPartition, CommittedOffset> { [partition] = new(offset, "") }, CancellationToken.None);
        _promises.NoteOffset(partition, offset, isAnswer: true);
    }

    public async Task CreatePassingTopicAsync()
    {
        if (Broker.Admin.DescribeTopic(Passing) is null)
            await CreateTopicAsync(Passing, 2, null);
        await SendAsync(Topic.Create(Passing, Serdes.Utf8, Serdes.Utf8), 1);
    }

    public async Task DeletePassingTopicAsync()
    {
        if (Broker.Admin.DescribeTopic(Passing) is null)
            await CreatePassingTopicAsync();
        _promises.NoteDeletion(Passing, isAnswer: false);
        await Broker.Admin.DeleteTopicAsync(Passing);
        _promises.NoteDeletion(Passing, isAnswer: true);
        _producers.Remove(Passing);
    }

    public async Task GrowTopicAsync()
    {
        var partitions = Broker.Admin.DescribeTopic(Brief.Name)!.Partitions + 1;
        _promises.NoteTopic(Brief.Name, partitions, isAnswer: false);
        await Broker.Admin.AddPartitionsAsync(Brief.Name, partitions);
        _promises.NoteTopic(Brief.Name, partitions, isAnswer: true);
        await SendAsync(Brief, partitions - 1);
    }

    public async Task DeleteRecordsAsync()
    {
        await SendAsync(Plain, s_deleted.Partition, 400);
        await SendAsync(Plain, s_deleted.Partition);
        var end = Broker.Backend.GetPartition(s_deleted).Offsets.HighWatermark;
        _promises.NoteStart(s_deleted, end - 1, isAnswer: false);
        await Broker.Admin.DeleteRecordsAsync(s_deleted, end - 1);
        _promises.NoteStart(s_deleted, end - 1, isAnswer: true);
    }

    /// <summary>Enough of one key to fill a segment.</summary>
    public async Task SendKeyedAsync()
    {
        for (var record = 0; record < 3; record++)
            await SendAsync(Keyed, 0, 500);
    }

    public Task CompactAsync()
    {
        _promises.LetGoOfOlder(Keyed.Name);
        Engine.Checkpoint();
        Engine.CompactLogs(Engine.NowMs);
        return Task.CompletedTask;
    }

    public async Task RetainAsync()
    {
        await SendAsync(Brief, 0, 900);
        await SendAsync(Brief, 0, 900);
        Engine.Checkpoint();
        Advance(BriefTime + TimeSpan.FromMinutes(1));
        foreach (var partition in Engine.Partitions.InOrder())
            if (partition.Name.Topic == Brief.Name)
                _promises.NoteStart(partition.Name, partition.VisibleMark.LogEnd, isAnswer: false);
        Engine.ApplyRetention(Engine.NowMs);
        await SendAsync(Brief, 0);
    }

    /// <summary>A day goes by: transactions time out, idle producers are forgotten.</summary>
    public Task ExpireAsync()
    {
        // From now on the broker may forget the producer, and its last batch with it.
        _promises.NoteSigned(null, isAnswer: false);
        Advance(TimeSpan.FromHours(25));
        Engine.MeetDeadlines();
        Engine.ExpireIdle(Engine.NowMs);
        return Task.CompletedTask;
    }

    /// <summary>Sends a batch by a producer that counts for itself, twice: the second time is a retry.</summary>
    public async Task SendSignedAsync()
    {
        // As a producer does: what was not acknowledged is sent again before anything is sent behind it.
        if (_promises.Signed is { Offset: null })
            await RetrySignedAsync();
        var last = _promises.Signed;
        var identity = last?.Identity ?? (await Broker.Backend.InitProducerAsync(new ProducerRequest(), CancellationToken.None)).Identity;
        var value = _promises.NewValue("signed", 0);
        var sequence = last is null ? 0 : last.Sequence + 1;
        _promises.NoteSigned(new SignedPromise(identity, sequence, Sign(identity, sequence, value), value), isAnswer: false);
        await RetrySignedAsync();
        await RetrySignedAsync();
    }

    /// <summary>Sends the last signed batch once more: it is in the log once afterwards, where it was acknowledged if it was.</summary>
    public async Task RetrySignedAsync()
    {
        if (_promises.Signed is not { } signed)
            return;
        _promises.Attempt(signed.Value);
        var outcome = await signed.Batch.SendAsync(Broker.Backend.GetPartition(s_signed), new ProducerSession { Identity = signed.Identity });
        if (outcome.Exception is { } refused)
            throw refused;
        if (signed.Offset is not { } offset)
        {
            _promises.NoteSigned(signed with { Offset = outcome.BaseOffset }, isAnswer: true);
            _promises.Acknowledge(s_signed, outcome.BaseOffset, signed.Value);
            return;
        }
        Promises.Require(outcome.IsDuplicate, $"{signed.Value} was acknowledged at {offset}, and its retry was appended again.");
        Promises.Require(outcome.BaseOffset == offset, $"{signed.Value} was acknowledged at {offset}, and its retry at {outcome.BaseOffset}.");
    }

    private SignedBatch Sign(ProducerIdentity identity, int sequence, string value)
    {
        var writer = new BatchWriter();
        if (!writer.TryAppend(Engine.NowMs, [], hasKey: false, Encoding.UTF8.GetBytes(value), hasValue: true, null, int.MaxValue))
            throw new InvalidOperationException("An empty batch takes any record.");
        return SignedBatch.Seal(writer, identity, sequence);
    }

    private async Task WriteAsync((WrittenTransaction Written, Transaction Transaction) open, params (Topic<string, string> Topic, int Partition)[] targets)
    {
        foreach (var (topic, partition) in targets)
        {
            // Larger than a batch, so that it is in the log before the transaction ends.
            var value = _promises.NewValue("transaction", 600);
            open.Written.Values.Add(Promises.NameOf(value));
            await open.Transaction.SendAsync(topic, new ProducerRecord<string, string>("key", value) { Partition = partition });
        }
    }
}
