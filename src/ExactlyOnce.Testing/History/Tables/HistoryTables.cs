using System.Globalization;

namespace ExactlyOnce.Testing.History.Tables;

/// <summary>
/// What all checks share: the writes, the logs, the transactions' fates and the calls that are running. Filled by <see cref="HistoryChecker"/>, read by
/// the checks.
/// </summary>
internal sealed class HistoryTables(CheckerOptions options)
{
    private readonly Dictionary<TopicPartition, PartitionLog> _logs = [];
    private readonly Dictionary<long, TransactionRow> _transactionsByNumber = [];
    private readonly Dictionary<long, RunningCall> _running = [];
    private readonly Queue<RunningCall> _runningInOrder = new();
    private readonly List<TransactionRow> _unsettled = [];
    private int _unsettledPruneAt = 64;
    private int _lossyDeathAt = -1;

    public CheckerOptions Options => options;

    /// <summary>The event that is being added.</summary>
    public int Now { get; set; } = -1;

    /// <summary>Counts the broker's deaths and closings.</summary>
    public ushort Life { get; private set; }

    /// <summary>The last of them.</summary>
    public int DiedAt { get; private set; } = -1;

    public WriteTable Writes { get; } = new();

    public List<PartitionLog> Logs { get; } = [];

    public List<TransactionRow> Transactions { get; } = [];

    /// <summary>Rows before this one were taken by a death of a broker in memory.</summary>
    public int ForgottenBefore { get; private set; }

    public PartitionLog LogOf(TopicPartition partition)
    {
        if (_logs.TryGetValue(partition, out var log))
            return log;
        log = new PartitionLog(Logs.Count, partition) { CleanedTo = options.CompactedTopics.Contains(partition.Topic) ? long.MaxValue : 0 };
        _logs.Add(partition, log);
        Logs.Add(log);
        return log;
    }

    public TransactionRow TransactionOf(long number)
    {
        if (_transactionsByNumber.TryGetValue(number, out var transaction))
            return transaction;
        transaction = new TransactionRow(Transactions.Count, number);
        _transactionsByNumber.Add(number, transaction);
        Transactions.Add(transaction);
        _unsettled.Add(transaction);
        return transaction;
    }

    /// <summary>Transactions that are not over, or were not when the oldest running call began.</summary>
    public IReadOnlyList<TransactionRow> Unsettled()
    {
        if (_unsettled.Count < _unsettledPruneAt)
            return _unsettled;
        var oldest = OldestCall();
        _unsettled.RemoveAll(transaction => transaction.OverAt < oldest);
        _unsettledPruneAt = 64 + 2 * _unsettled.Count;
        return _unsettled;
    }

    /// <summary>Whether a transaction that was open since an event may have kept the last stable offset of a partition at a limit.</summary>
    public bool IsHeldBack(PartitionLog log, long limit, int since)
    {
        foreach (var transaction in Unsettled())
        {
            if (transaction.OverAt >= since && transaction.Rows.Exists(row => Writes.LogOf(row) == log && Writes[row].Offset <= limit))
                return true;
        }
        return false;
    }

    public TransactionRow? TransactionOfRow(int row) => Writes[row].Transaction is >= 0 and var index ? Transactions[index] : null;

    public RunningCall Begin(Invoked invoked)
    {
        var call = new RunningCall(Now, invoked);
        if (!_running.TryAdd(invoked.Operation, call))
            throw new ArgumentException($"Operation {invoked.Operation} is called twice: a history's operations are unique.", nameof(invoked));
        _runningInOrder.Enqueue(call);
        return call;
    }

    public RunningCall End(Completed completed)
    {
        if (!_running.Remove(completed.Operation, out var call))
            throw new ArgumentException($"Operation {completed.Operation} is answered without having been called, or twice.", nameof(completed));
        return call;
    }

    /// <summary>The event of the oldest call that may still be answered.</summary>
    public int OldestCall()
    {
        while (_runningInOrder.TryPeek(out var call) && !_running.ContainsKey(call.Invoked.Operation))
            _runningInOrder.Dequeue();
        return _runningInOrder.TryPeek(out var oldest) ? oldest.At : Now;
    }

    /// <summary>The broker is gone; calls that were running are not waited for any more.</summary>
    public void Die(bool forgetsAll, bool losesTail)
    {
        Life++;
        DiedAt = Now;
        _runningInOrder.Clear();
        if (forgetsAll)
        {
            ForgottenBefore = Writes.Count;
            Logs.ForEach(log => log.Forget());
            Transactions.ForEach(transaction => (transaction.OverAt, transaction.IsLost) = (Math.Min(transaction.OverAt, Now), true));
        }
        else if (losesTail)
        {
            _lossyDeathAt = Now;
            Logs.ForEach(log => log.DoubtTail());
        }
    }

    /// <summary>A log ended in front of what was known of it, and was allowed to.</summary>
    public void Lose(PartitionLog log, long end)
    {
        foreach (var row in log.CutAt(end))
            Writes[row].Traits |= WriteTraits.Lost;
    }

    /// <summary>Whether a power cut that was allowed to take a commit may have taken this one; log: one with a write of it.</summary>
    public bool IsCommitInDoubt(TransactionRow transaction, PartitionLog log) =>
        transaction.CommittedAt < _lossyDeathAt && transaction.CommittedAt > log.AllDurableAt && transaction.ConfirmedLife < Life;

    public bool IsLost(int row) => row < ForgottenBefore || Writes[row].Is(WriteTraits.Lost);

    /// <summary>Whether a read_committed reader who passes the write has to see it.</summary>
    public Fate FateOf(int row)
    {
        ref var write = ref Writes[row];
        if (write.Is(WriteTraits.Failed) || IsLost(row))
            return Fate.Invisible;
        if (write.Transaction < 0)
            return Fate.Visible;
        var transaction = Transactions[write.Transaction];
        if (transaction.IsAborted)
            return Fate.Invisible;
        return transaction.MustBeVisible ? Fate.Visible : Fate.Undecided;
    }

    /// <summary>A write in a sentence: <c>value 7 of session 2 at orders-0 offset 4 (transaction 3)</c>.</summary>
    public string Describe(int row)
    {
        ref var write = ref Writes[row];
        var offset = write.Offset < 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" offset {write.Offset}");
        var transaction = write.Transaction < 0 ? "" : $" ({Transactions[write.Transaction]})";
        return string.Create(CultureInfo.InvariantCulture, $"value {write.Value} of session {Writes.StreamOf(row).Session} at {Writes.LogOf(row).Partition}{offset}{transaction}");
    }
}

/// <summary>Whether a write is there for read_committed readers.</summary>
internal enum Fate
{
    Visible,
    Undecided,
    Invisible,
}

/// <summary>A call without an answer yet.</summary>
internal sealed record RunningCall(int At, Invoked Invoked);
