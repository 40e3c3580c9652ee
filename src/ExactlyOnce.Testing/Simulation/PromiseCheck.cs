using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// The promises that matter most, checked while the run goes on, so that it stops where one is broken: what was acknowledged or seen is where it was, nothing
/// is there twice, nothing aborted is seen, transactions are whole, order is kept, positions go with their outputs. Everything else is the history checker's.
/// </summary>
/// <param name="compactedTopics">Topics that are compacted: a crash may keep it from being told that they were.</param>
internal sealed class PromiseCheck(IReadOnlySet<string> compactedTopics) : IHistory
{
    private readonly Dictionary<long, Call> _calls = [];
    private readonly Dictionary<long, Written> _written = [];
    private readonly Dictionary<long, Decided> _decided = [];
    private readonly Dictionary<TopicPartition, Dictionary<long, long>> _logs = [];
    private readonly HashSet<string> _deleted = [];
    private readonly Dictionary<TopicPartition, long> _watermarks = [];
    private readonly Dictionary<SourceRecord, int> _outputs = [];
    private IReadOnlyList<PartitionRead> _committedScan = [];
    private bool _isDamaged;

    public long Transactions { get; private set; }

    public void Add(HistoryEvent next)
    {
        switch (next)
        {
            case Invoked invoked:
                Invoke(invoked);
                break;
            case Completed completed:
                if (_calls.Remove(completed.Operation, out var call))
                    Complete(call, completed);
                break;
            case Observed observed:
                Observe(observed.Fact);
                break;
        }
    }

    private void Invoke(Invoked invoked)
    {
        _calls[invoked.Operation] = invoked.Call;
        switch (invoked.Call)
        {
            case Write write:
                _written.Add(write.Value, new Written(write, invoked.Operation));
                if (write.Transaction is { } transaction)
                    Of(transaction).Values.Add(write.Value);
                break;
            case RetryWrite:
                break;
            case EndTransaction { IsCommit: true } end:
                Of(end.Transaction).MayCommit = true;
                break;
            case ChangeTopic { Change: TopicChange.Delete } change:
                _deleted.Add(change.Topic);
                break;
        }
    }

    private void Complete(Call call, Completed completed)
    {
        switch (call)
        {
            case Write write when completed is { Outcome: Outcome.Ok, Answer: WriteAnswer answer }:
                Acknowledge(_written[write.Value], answer.Offset);
                break;
            case RetryWrite retry when completed is { Outcome: Outcome.Ok, Answer: WriteAnswer answer }:
                Acknowledge(WrittenBy(retry.Original), answer.Offset);
                break;
            case EndTransaction end when completed.Outcome == Outcome.Ok:
                var decided = Of(end.Transaction);
                Require(decided.Fate is null || decided.Fate == end.IsCommit, "I9", $"transaction {end.Transaction} was committed and aborted");
                decided.Fate = end.IsCommit;
                Transactions++;
                break;
            case Poll poll when completed.Answer is RecordsAnswer records:
                foreach (var read in records.Partitions)
                    See(read, poll.IsCommitted);
                break;
            case Scan scan when completed.Answer is RecordsAnswer records:
                CheckScan(records.Partitions, scan.IsCommitted);
                break;
            case FetchOffsets { Group: "pipe" } when completed is { Outcome: Outcome.Ok, Answer: OffsetsAnswer positions } && _committedScan.Count > 0:
                CheckTransform(positions.Offsets);
                break;
        }
        if (call is not Scan)
            _committedScan = [];
    }

    private void Observe(Fact fact)
    {
        _isDamaged |= fact is DamageMet;
        if (fact is not Watermarks marks)
            return;
        Require(
            marks.LogStart <= marks.LastStable && marks.LastStable <= marks.HighWatermark && marks.HighWatermark <= marks.LogEnd, "I10",
            $"{marks} are out of order");
        Require(marks.HighWatermark >= _watermarks.GetValueOrDefault(marks.Partition), "I10", $"{marks}: the high watermark was {_watermarks.GetValueOrDefault(marks.Partition)}");
        _watermarks[marks.Partition] = marks.HighWatermark;
    }

    private void Acknowledge(Written written, long offset)
    {
        written.IsAcknowledged = true;
        Place(written, offset, "acknowledged");
    }

    private void Place(Written written, long offset, string how)
    {
        var partition = written.Write.Partition;
        Require(written.Offset < 0 || written.Offset == offset, "I5", $"{written} is {how} at {offset} and was at {written.Offset}");
        if (written.Offset == offset)
            return;
        if (!_logs.TryGetValue(partition, out var log))
            _logs.Add(partition, log = []);
        Require(log.TryAdd(offset, written.Write.Value), "I5", $"{written} is {how} at {offset}, where {log.GetValueOrDefault(offset)} is");
        written.Offset = offset;
    }

    private void See(PartitionRead read, bool isCommitted)
    {
        var last = -1L;
        foreach (var record in read.Records)
        {
            Require(record.Offset > last && record.Offset < read.Limit, "I10", $"{read.Partition} gives offset {record.Offset} after {last}, below {read.Limit}");
            last = record.Offset;
            Require(record.Value >= 0 && _written.ContainsKey(record.Value), "I4", $"{read.Partition}@{record.Offset} is {record.Value}, which nobody wrote so");
            var written = _written[record.Value];
            Require(written.Write.Partition == read.Partition, "I4", $"{written} is read in {read.Partition}");
            Place(written, record.Offset, "read");
            if (isCommitted && written.Write.Transaction is { } transaction)
                Require(Of(transaction) is { MayCommit: true, Fate: not false }, "I3", $"{written} of transaction {transaction}, which is not committed, is read at {record.Offset}");
        }
    }

    private void CheckScan(IReadOnlyList<PartitionRead> partitions, bool isCommitted)
    {
        var seen = new HashSet<long>();
        var order = new Dictionary<(int Session, TopicPartition Partition), long>();
        foreach (var read in partitions)
        {
            See(read, isCommitted);
            foreach (var record in read.Records)
            {
                Require(seen.Add(record.Value), "I2", $"{_written[record.Value]} is there twice");
                CheckOrder(order, _written[record.Value]);
            }
        }
        // Of what a lying disk has kept every record must be right, and in its place; that all are there nobody can promise.
        if (_isDamaged)
            return;
        foreach (var read in partitions)
            CheckWhole(read, seen, isCommitted);
        if (!isCommitted)
            return;
        _committedScan = partitions;
        foreach (var (number, decided) in _decided)
            CheckAtomic(number, decided, seen, partitions);
    }

    private static void CheckOrder(Dictionary<(int Session, TopicPartition Partition), long> order, Written written)
    {
        var key = (written.Write.Session, written.Write.Partition);
        Require(order.GetValueOrDefault(key) < written.Operation, "I8", $"{written} stands behind a later one of its session");
        order[key] = written.Operation;
    }

    /// <summary>Whatever was ever acknowledged or seen is there, if this reader may see it.</summary>
    private void CheckWhole(PartitionRead read, HashSet<long> seen, bool isCommitted)
    {
        if (compactedTopics.Contains(read.Partition.Topic) || !_logs.TryGetValue(read.Partition, out var log))
            return;
        foreach (var (offset, value) in log)
        {
            var written = _written[value];
            // Behind the last stable offset a committed reader sees nothing, not even what is decided.
            if (offset < read.Begin || (isCommitted && offset >= read.Limit) || seen.Contains(value))
                continue;
            var isOwed = written.Write.Transaction is not { } transaction || !isCommitted || Of(transaction).Fate == true;
            Require(!isOwed, "I1", $"{written} is not at {offset} any more, in a scan from {read.Begin} to {read.End}");
        }
    }

    private void CheckAtomic(long number, Decided decided, HashSet<long> seen, IReadOnlyList<PartitionRead> partitions)
    {
        if (decided.Fate is not null || decided.Values.Count < 2 || !decided.Values.Exists(seen.Contains))
            return;
        foreach (var value in decided.Values)
        {
            var written = _written[value];
            if (!written.IsAcknowledged || seen.Contains(value) || compactedTopics.Contains(written.Write.Partition.Topic))
                continue;
            var read = partitions.FirstOrDefault(read => read.Partition == written.Write.Partition);
            Require(read is null || written.Offset < read.Begin || written.Offset >= read.Limit, "I9", $"{written} is missing from transaction {number}, of which other records are visible");
        }
    }

    /// <summary>An input below the position has exactly one output, one above it has none.</summary>
    private void CheckTransform(IReadOnlyDictionary<TopicPartition, long> positions)
    {
        _outputs.Clear();
        foreach (var read in _committedScan)
            foreach (var record in read.Records)
                if (_written[record.Value].Write.Source is { } source)
                {
                    _outputs[source] = _outputs.GetValueOrDefault(source) + 1;
                    Require(_outputs[source] == 1, "I12", $"{source} has a second output, {_written[record.Value]}");
                    Require(source.Offset < positions.GetValueOrDefault(source.Partition), "I12", $"{source} has an output, and the position is {positions.GetValueOrDefault(source.Partition)}");
                }
        foreach (var read in _committedScan)
            if (positions.TryGetValue(read.Partition, out var position) && read.Partition.Topic.StartsWith("in#", StringComparison.Ordinal))
                foreach (var record in read.Records)
                    if (record.Offset < position)
                        Require(_outputs.ContainsKey(new SourceRecord("pipe", read.Partition, record.Offset)), "I12", $"{read.Partition}@{record.Offset} has no output, and the position is {position}");
    }

    private Written WrittenBy(long operation)
    {
        foreach (var written in _written.Values)
            if (written.Operation == operation)
                return written;
        throw new InvalidOperationException($"Operation {operation} wrote nothing.");
    }

    private Decided Of(long transaction)
    {
        if (!_decided.TryGetValue(transaction, out var decided))
            _decided.Add(transaction, decided = new Decided());
        return decided;
    }

    private static void Require(bool holds, string rule, string broken)
    {
        if (!holds)
            throw new SimulationFailedException(rule, broken + ".");
    }

    private sealed class Written(Write write, long operation)
    {
        public Write Write => write;

        public long Operation => operation;

        public long Offset { get; set; } = -1;

        public bool IsAcknowledged { get; set; }

        public override string ToString() => $"value {write.Value} (operation {operation}, {write.Partition}, session {write.Session}{(write.Transaction is { } number ? $", transaction {number}" : "")})";
    }

    private sealed class Decided
    {
        public List<long> Values { get; } = [];

        public bool MayCommit { get; set; }

        public bool? Fate { get; set; }
    }
}
