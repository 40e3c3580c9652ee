namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>A log is a list; a producer is what it wrote last; a transaction is open, committed or aborted.</summary>
internal sealed class PartitionModel : SequentialModel<PartitionStep>
{
    private const int WindowBatches = 5;

    private readonly List<Slot> _log = [];
    private readonly List<Sent>[] _sent = [[], []];
    private readonly Transaction[] _transactions = [new(), new()];
    private int _start;

    public override string State => $"{Marks()}: {Fetch(_start, isCommitted: true)}";

    private int LastStable => Math.Max(_start, _transactions.Where(transaction => transaction.IsOpen).Select(transaction => transaction.First).Append(_log.Count).Min());

    protected override string Answer(PartitionStep step) => step switch
    {
        PartitionStep.Append plain => Write(plain.Count, step.Value, null),
        PartitionStep.AppendSigned signed => Sign(signed),
        PartitionStep.AppendInTransaction write => WriteInTransaction(_transactions[write.Producer], write),
        PartitionStep.End end => End(_transactions[end.Producer], end.IsCommit),
        PartitionStep.ReadMarks => Marks(),
        PartitionStep.Fetch fetch => fetch.From < _start || fetch.From > _log.Count ? ThreadedEngine.Refused : Fetch(fetch.From, fetch.IsCommitted),
        PartitionStep.Delete delete => Delete(delete.Before),
        _ => throw new ArgumentOutOfRangeException(nameof(step)),
    };

    private string Write(int count, string? value, Transaction? transaction)
    {
        var at = _log.Count;
        for (; count > 0; count--)
            _log.Add(new Slot(value, transaction));
        return $"at {at}";
    }

    private string Sign(PartitionStep.AppendSigned step)
    {
        var sent = _sent[step.Producer];
        if (Repeats(sent, step.Sequence, step.Count) is { } original)
            return original;
        // Nobody is known yet: only an empty log knows that it has forgotten nobody.
        var fits = sent.Count > 0 ? step.Sequence == sent[^1].Next : _log.Count > 0 || step.Sequence == 0;
        if (!fits)
            return ThreadedEngine.Refused;
        sent.Add(new Sent(step.Sequence, step.Count, _log.Count));
        return Write(step.Count, step.Value, null);
    }

    private string WriteInTransaction(Transaction transaction, PartitionStep.AppendInTransaction step)
    {
        if (transaction.IsOver)
            return ThreadedEngine.Refused;
        if (Repeats(transaction.Sent, step.Sequence, count: 1) is { } original)
            return original;
        if (step.Sequence != transaction.Sent.Count)
            return ThreadedEngine.Refused;
        transaction.Sent.Add(new Sent(step.Sequence, 1, _log.Count));
        return Write(1, step.Value, transaction);
    }

    private string End(Transaction transaction, bool isCommit)
    {
        if (transaction.IsOver)
            return transaction.IsCommitted == isCommit ? "ended" : ThreadedEngine.Refused;
        // Nothing was written: there is nothing to end.
        if (!transaction.IsOpen)
            return "ended";
        transaction.IsCommitted = isCommit;
        Write(1, null, null);
        return "ended";
    }

    private string Delete(int before)
    {
        if (before > _log.Count)
            return ThreadedEngine.Refused;
        _start = Math.Max(_start, before);
        return $"from {_start}";
    }

    private string Marks() => $"{_start} {LastStable} {_log.Count}";

    private string Fetch(int from, bool isCommitted)
    {
        var end = isCommitted ? LastStable : _log.Count;
        return string.Join(' ', Enumerable.Range(from, Math.Max(0, end - from))
            .Where(offset => _log[offset] is { Value: not null } slot && (!isCommitted || slot.Transaction?.IsCommitted != false))
            .Select(offset => $"{offset}:{_log[offset].Value}"));
    }

    private static string? Repeats(List<Sent> sent, int sequence, int count) =>
        sent.TakeLast(WindowBatches).Where(batch => batch.Sequence == sequence && batch.Count == count).Select(batch => $"duplicate of {batch.At}").FirstOrDefault();

    private sealed record Slot(string? Value, Transaction? Transaction);

    private sealed record Sent(int Sequence, int Count, int At)
    {
        public int Next => Sequence + Count;
    }

    private sealed class Transaction
    {
        public List<Sent> Sent { get; } = [];

        public int First => Sent[0].At;

        public bool IsOpen => Sent.Count > 0 && !IsOver;

        public bool IsOver => IsCommitted is not null;

        public bool? IsCommitted { get; set; }
    }
}
