namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>A transactional id is its epoch and at most one transaction; every end of one is the beginning of the next epoch.</summary>
internal sealed class CoordinatorModel : SequentialModel<CoordinatorStep>
{
    private readonly List<(string? Value, Transaction? Transaction)>[] _logs = [[], []];
    private readonly Dictionary<int, bool> _outcomes = [];
    private int _epoch;
    private Transaction? _current;
    private bool _isPrepared;

    /// <summary>How the last transaction was ended by its own client; null when the id was taken over since.</summary>
    private bool? _lastEnd;

    public override string State => $"{Open()}, {Prepared()}: {Read(0)}; {Read(1)}";

    protected override string Answer(CoordinatorStep step) => step switch
    {
        CoordinatorStep.Init => Init(),
        CoordinatorStep.Write write => Write(write),
        CoordinatorStep.End end => End(end),
        CoordinatorStep.Prepare prepare => Prepare(prepare.Epoch),
        CoordinatorStep.Resolve resolve => Resolve(resolve),
        CoordinatorStep.List list => list.IsPrepared ? Prepared() : Open(),
        CoordinatorStep.Read read => Read(read.Partition),
        _ => throw new ArgumentOutOfRangeException(nameof(step)),
    };

    private string Init()
    {
        // Only who has the token may decide what was promised.
        if (_isPrepared)
            return ThreadedEngine.Refused;
        if (_current is not null)
            Decide(isCommit: false);
        _epoch++;
        _lastEnd = null;
        return Epoch();
    }

    private string Write(CoordinatorStep.Write step)
    {
        if (step.Epoch != _epoch)
            return ThreadedEngine.Refused;
        var sent = _current?.Offsets[step.Partition] ?? [];
        if (step.Sequence < sent.Count)
            return $"duplicate of {sent[step.Sequence]}";
        // A prepared transaction takes nothing more in.
        if (step.Sequence != sent.Count || _isPrepared)
            return ThreadedEngine.Refused;
        _current ??= new Transaction();
        var log = _logs[step.Partition];
        _current.Offsets[step.Partition].Add(log.Count);
        log.Add((step.Value, _current));
        return $"at {log.Count - 1}";
    }

    private string End(CoordinatorStep.End step)
    {
        var isOpen = _isPrepared || _current is not null;
        if (step.Epoch == _epoch)
        {
            if (isOpen)
                Decide(step.IsCommit);
            return Epoch();
        }
        // The answer was lost, and the same is asked for again.
        return step.Epoch == _epoch - 1 && !isOpen && _lastEnd == step.IsCommit ? Epoch() : ThreadedEngine.Refused;
    }

    private string Prepare(int epoch)
    {
        if (epoch != _epoch)
            return ThreadedEngine.Refused;
        _isPrepared = true;
        return $"token {epoch}";
    }

    private string Resolve(CoordinatorStep.Resolve step)
    {
        if (_isPrepared && step.Epoch == _epoch)
            Decide(step.IsCommit);
        else if (!_outcomes.TryGetValue(step.Epoch, out var isCommitted) || isCommitted != step.IsCommit)
            return ThreadedEngine.Refused;
        return "resolved";
    }

    private void Decide(bool isCommit)
    {
        _outcomes[_epoch] = isCommit;
        for (var partition = 0; partition < _logs.Length; partition++)
            if (_current?.Offsets[partition].Count > 0)
                _logs[partition].Add((null, null));
        _current?.IsCommitted = isCommit;
        (_current, _isPrepared, _lastEnd) = (null, false, isCommit);
        _epoch++;
    }

    private string Epoch() => $"epoch {_epoch}";

    private string Open() => _current is null || _isPrepared ? "none is open" : $"{_epoch} is open in {Partitions()}";

    private string Prepared() => _isPrepared ? $"{_epoch} is prepared in {Partitions()}" : "none is prepared";

    private string Partitions() => string.Join(' ', Enumerable.Range(0, _logs.Length).Where(partition => _current?.Offsets[partition].Count > 0));

    private string Read(int partition)
    {
        var log = _logs[partition];
        var end = _current?.Offsets[partition] is [var first, ..] ? first : log.Count;
        return string.Join(' ', Enumerable.Range(0, end).Where(offset => log[offset].Transaction?.IsCommitted == true).Select(offset => $"{offset}:{log[offset].Value}"));
    }

    private sealed class Transaction
    {
        public List<int>[] Offsets { get; } = [[], []];

        public bool? IsCommitted { get; set; }
    }
}
