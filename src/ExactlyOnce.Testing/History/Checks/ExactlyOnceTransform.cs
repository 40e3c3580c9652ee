using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I12, exactly-once transform: the visible outputs are { f(i) : i below the group's committed position }, each once. An output names its input by <see
/// cref="Write.Source"/>; a transform has one output per input and output topic. Inputs below a plain (not transactional) commit of the group, and inputs
/// that may have been removed, need none. Missing and premature outputs are found at the end. Memory: 12 bytes per output and 4 bytes per input.
/// </summary>
internal sealed class ExactlyOnceTransform(HistoryTables tables, Report report) : IWritingCheck, IVisibleCheck, IFateCheck, ICallCheck, IEndCheck
{
    private readonly Dictionary<(string Group, TopicPartition Source, string Topic), int> _numbers = [];
    private readonly List<TransformLane> _lanes = [];
    private readonly Dictionary<(string Group, TopicPartition Source), TransformPosition> _positions = [];
    private readonly PagedArray<int> _laneOfRow = new();
    private readonly PagedArray<long> _sourceOfRow = new();

    public void Writing(int row, Write write)
    {
        if (write.Source is not { } source)
            return;
        var key = (source.Group, source.Partition, write.Partition.Topic);
        if (!_numbers.TryGetValue(key, out var number))
        {
            number = _lanes.Count;
            _numbers.Add(key, number);
            _lanes.Add(new TransformLane(source.Group, tables.LogOf(source.Partition), write.Partition.Topic));
        }
        _laneOfRow[row] = number + 1;
        _sourceOfRow[row] = source.Offset;
    }

    public void Visible(int row)
    {
        if (_laneOfRow.Peek(row) is not (> 0 and var number))
            return;
        var lane = _lanes[number - 1];
        var source = _sourceOfRow[row];
        ref var output = ref lane.Outputs[source];
        if (output != 0 && output != row + 1)
        {
            report.Add(Invariant.ExactlyOnceTransform,
                $"{tables.Describe(row)} is a second output of {lane} offset {source}: {tables.Describe(output - 1)} was the first",
                tables.Writes[output - 1].InvokedAt, tables.Writes[row].InvokedAt);
            return;
        }
        output = row + 1;
        lane.End = Math.Max(lane.End, source + 1);
    }

    public void Committed(TransactionRow transaction)
    {
        foreach (var (group, partition, offset) in transaction.Offsets)
            PositionOf(group, partition).Reach(offset, isCertain: true);
    }

    public void CommitAsked(TransactionRow transaction)
    {
        foreach (var (group, partition, offset) in transaction.Offsets)
            PositionOf(group, partition).Reach(offset, isCertain: false);
    }

    public void Answered(RunningCall call, Completed completed)
    {
        if (call.Invoked.Call is FetchOffsets fetch && completed is { Outcome: Outcome.Ok, Answer: OffsetsAnswer answer })
        {
            foreach (var (partition, offset) in answer.Offsets)
                PositionOf(fetch.Group, partition).Reach(offset, isCertain: true);
        }
        if (call.Invoked.Call is not CommitOffsets { Transaction: null } commit || completed.Outcome == Outcome.Failed)
            return;
        foreach (var (partition, offset) in commit.Offsets)
            PositionOf(commit.Group, partition).Skip(offset);
    }

    public void Ended()
    {
        var undecided = UndecidedOutputs();
        foreach (var inputs in _lanes.GroupBy(lane => (lane.Group, lane.Source)))
        {
            var position = PositionOf(inputs.Key.Group, inputs.Key.Source.Partition);
            FindMissing([.. inputs], position, undecided);
            foreach (var lane in inputs)
                FindPremature(lane, position);
        }
    }

    private void FindMissing(List<TransformLane> lanes, TransformPosition position, HashSet<(TransformLane Lane, long Source)> undecided)
    {
        var source = lanes[0].Source;
        var from = Math.Max(source.RemovedBefore, position.SkippedTo);
        for (var offset = source.NextKnown(from, position.Certain); offset >= 0; offset = source.NextKnown(offset + 1, position.Certain))
        {
            var input = source.RowAt(offset);
            if (tables.FateOf(input) != Fate.Visible || tables.Writes[input].Is(WriteTraits.Compacted))
                continue;
            if (!lanes.Exists(lane => lane.Outputs.Peek(offset) != 0 || undecided.Contains((lane, offset))))
            {
                report.Add(Invariant.ExactlyOnceTransform,
                    $"{tables.Describe(input)} has no visible output, although group {lanes[0].Group} is at {position.Certain}",
                    tables.Writes[input].InvokedAt, tables.Writes[input].ConfirmedAt);
            }
        }
    }

    private void FindPremature(TransformLane lane, TransformPosition position)
    {
        for (var source = Math.Max(0, position.Possible); source < lane.End; source++)
        {
            if (lane.Outputs.Peek(source) is > 0 and var output)
            {
                report.Add(Invariant.ExactlyOnceTransform,
                    $"{tables.Describe(output - 1)} is the output of {lane} offset {source}, but the group has only come to {Math.Max(0, position.Possible)}",
                    tables.Writes[output - 1].InvokedAt, tables.Writes[output - 1].ConfirmedAt);
            }
        }
    }

    /// <summary>
    /// Outputs that may be there without anybody having seen them: of unknown fate, with no full read of their partition since the broker died.
    /// </summary>
    private HashSet<(TransformLane Lane, long Source)> UndecidedOutputs()
    {
        var undecided = new HashSet<(TransformLane Lane, long Source)>();
        for (var row = 0; row < tables.Writes.Count && _lanes.Count > 0; row++)
        {
            if (_laneOfRow.Peek(row) is not (> 0 and var number) || tables.FateOf(row) == Fate.Invisible || tables.Writes[row].Life < tables.Writes.LogOf(row).LastFullReadLife)
                continue;
            undecided.Add((_lanes[number - 1], _sourceOfRow[row]));
        }
        return undecided;
    }

    private TransformPosition PositionOf(string group, TopicPartition partition)
    {
        if (!_positions.TryGetValue((group, partition), out var position))
            _positions.Add((group, partition), position = new TransformPosition());
        return position;
    }
}

/// <summary>What a transform made of one source partition in one topic.</summary>
internal sealed class TransformLane(string group, PartitionLog source, string topic)
{
    public string Group => group;

    public PartitionLog Source => source;

    /// <summary>By source offset: the visible output's row, plus one.</summary>
    public PagedArray<int> Outputs { get; } = new();

    public long End { get; set; }

    public override string ToString() => $"{source.Partition} in {topic} by group {group}";
}

/// <summary>How far a group has come in a source partition.</summary>
internal sealed class TransformPosition
{
    /// <summary>At least.</summary>
    public long Certain { get; private set; }

    /// <summary>At most.</summary>
    public long Possible { get; private set; }

    /// <summary>Everything in front may have been passed without being transformed.</summary>
    public long SkippedTo { get; private set; }

    public void Reach(long offset, bool isCertain)
    {
        Possible = Math.Max(Possible, offset);
        if (isCertain)
            Certain = Math.Max(Certain, offset);
    }

    public void Skip(long offset)
    {
        Reach(offset, isCertain: false);
        SkippedTo = Math.Max(SkippedTo, offset);
    }
}
