using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I11, offsets register: the committed offset of (group, partition) is a linearizable register whose writes are the commits, plain ones and those of
/// transactions; pending ones are never visible, those of unknown outcome may be either. A reader may see any write that began before the answer and that
/// no other write, certain before the question, began after. Offsets that lag behind records of their transaction that were seen are a torn transaction
/// (I9). Memory: the writes that are not overwritten, a few per group and partition.
/// </summary>
internal sealed class OffsetsRegister(HistoryTables tables, Report report) : ICallCheck, IFateCheck, IFactCheck
{
    private readonly Dictionary<(string Group, TopicPartition Partition), OffsetRegister> _registers = [];
    private readonly Dictionary<long, List<(OffsetRegister Register, OffsetWrite Write)>> _plain = [];
    private readonly Dictionary<int, List<(OffsetRegister Register, OffsetWrite Write)>> _ofTransaction = [];

    public void Called(RunningCall call)
    {
        if (call.Invoked.Call is CommitOffsets { Transaction: null } commit)
            _plain.Add(call.Invoked.Operation, [.. commit.Offsets.Select(next => Write(commit.Group, next.Key, next.Value, null))]);
    }

    public void Answered(RunningCall call, Completed completed)
    {
        if (call.Invoked.Call is FetchOffsets fetch && completed is { Outcome: Outcome.Ok, Answer: OffsetsAnswer answer })
        {
            foreach (var partition in fetch.Partitions)
                Compare(call, fetch.Group, partition, answer.Offsets.GetValueOrDefault(partition, -1));
        }
        else if (_plain.Remove(completed.Operation, out var writes))
        {
            Settle(writes, completed.Outcome);
        }
    }

    public void CommitAsked(TransactionRow transaction) =>
        _ofTransaction[transaction.Index] = [.. transaction.Offsets.Select(next => Write(next.Group, next.Partition, next.Offset, transaction))];

    public void Committed(TransactionRow transaction)
    {
        if (_ofTransaction.Remove(transaction.Index, out var writes))
            Settle(writes, Outcome.Ok);
    }

    public void Seen(TransactionRow transaction)
    {
        foreach (var (_, write) in _ofTransaction.GetValueOrDefault(transaction.Index, []))
            write.HappenedBy(tables.Now);
    }

    public void Aborted(TransactionRow transaction)
    {
        if (!_ofTransaction.Remove(transaction.Index, out var writes))
            return;
        Settle(writes, Outcome.Failed);
        if (writes.Find(write => write.Write.ObservedAt >= 0).Write is { } observed)
            report.Add(Invariant.OffsetsRegister,
                $"offset {observed.Value} of {transaction} was fetched as committed, but the transaction is aborted",
                observed.InvokedAt, observed.ObservedAt);
    }

    public void Observed(Fact fact)
    {
        if (fact is not (BrokerDied or BrokerClosed))
            return;
        if (tables.Options.Durability == Durability.Memory)
            _registers.Clear();
        foreach (var register in _registers.Values)
        {
            register.Die(tables.Now);
            register.IsInDoubt |= tables.Options.Durability == Durability.Written && fact is BrokerDied { Death: Death.Power };
        }
    }

    private (OffsetRegister Register, OffsetWrite Write) Write(string group, TopicPartition partition, long offset, TransactionRow? transaction)
    {
        var register = RegisterOf(group, partition);
        var write = new OffsetWrite(offset, tables.Now, transaction);
        register.Add(write, tables.OldestCall());
        return (register, write);
    }

    private void Settle(List<(OffsetRegister Register, OffsetWrite Write)> writes, Outcome outcome)
    {
        foreach (var (register, write) in writes)
        {
            if (outcome == Outcome.Failed)
                register.Remove(write);
            if (outcome != Outcome.Ok)
                continue;
            write.HappenedBy(tables.Now);
            register.IsInDoubt = false;
        }
    }

    private void Compare(RunningCall call, string group, TopicPartition partition, long value)
    {
        var register = RegisterOf(group, partition);
        var explanations = register.Explain(value, call.At);
        if (explanations.Count == 1 && value >= 0)
        {
            explanations[0].HappenedBy(tables.Now);
            explanations[0].ObservedAt = tables.Now;
        }
        if (explanations.Count > 0 || tables.LogOf(partition).IsDeleted)
            return;
        if (register.IsInDoubt)
            Believe(register, value);
        else
            ReportOffset(call, register, group, partition, value);
    }

    private void Believe(OffsetRegister register, long value)
    {
        var write = new OffsetWrite(value, tables.Now, null);
        write.HappenedBy(tables.Now);
        register.Add(write, tables.OldestCall());
        register.IsInDoubt = false;
    }

    private void ReportOffset(RunningCall call, OffsetRegister register, string group, TopicPartition partition, long value)
    {
        var newest = register.Newest(call.At);
        var pending = tables.Unsettled().FirstOrDefault(transaction => !transaction.IsCommitted && transaction.Offsets.Contains((group, partition, value)));
        if (pending is null && newest?.Transaction is { IsCommitted: false, SeenAt: >= 0 } torn)
        {
            report.Add(Invariant.Atomic,
                $"{torn} is torn: {tables.Describe(torn.SeenRow)} was seen, but group {group} is at {value} of {partition}, not at its {newest.Value}",
                torn.SeenAt, call.At);
            return;
        }
        var why = pending is not null ? $"which only {pending} asked for, and it was not committed"
            : newest is null ? "which nobody had committed"
            : $"but {newest.Value} was committed before that";
        report.Add(Invariant.OffsetsRegister, $"group {group} was said to be at {value} of {partition}, {why}", newest?.InvokedAt ?? -1, call.At);
    }

    private OffsetRegister RegisterOf(string group, TopicPartition partition)
    {
        if (!_registers.TryGetValue((group, partition), out var register))
            _registers.Add((group, partition), register = new OffsetRegister());
        return register;
    }
}
