using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

/// <summary>A step of a generated run: what, and two numbers that say how.</summary>
internal readonly record struct ModelStep(int Kind, int A, int B);

/// <summary>
/// A broker of one page that does everything right, and records it. What is unknown to a client may have happened or not; answers may come late.
/// </summary>
internal sealed class ModelBroker
{
    private const int Kinds = 11;

    private readonly HistoryRecorder _history = new();
    private readonly ModelPartition[] _partitions = [.. Enumerable.Range(0, 3).Select(index => new ModelPartition(new TopicPartition("t", index)))];
    private readonly Dictionary<int, ModelTransaction> _open = [];
    private readonly Dictionary<TopicPartition, long> _committed = [];
    private readonly Dictionary<(int Consumer, int Partition), int> _positions = [];
    private readonly List<Completed> _late = [];
    private readonly int[] _sessions = [0, 1];
    private long _time;
    private long _operations;
    private long _values;
    private long _transactions;
    private int _sessionCount = 4;

    public static IReadOnlyList<HistoryEvent> Run(IEnumerable<ModelStep> steps)
    {
        var broker = new ModelBroker();
        broker.Observe(new BrokerOpened(1));
        foreach (var step in steps)
            broker.Do(step);
        broker.Quiesce();
        return broker._history.Events;
    }

    private void Do(ModelStep step)
    {
        var partition = _partitions[step.A % _partitions.Length];
        switch (step.Kind % Kinds)
        {
            case 0 or 1:
                WritePlain(step, partition);
                break;
            case 2 or 3:
                WriteInTransaction(step, partition);
                break;
            case 4:
                EndTransaction(2 + step.A % 2, step.B % 4 != 0, step.B / 4);
                break;
            case 5 or 6:
                Poll(100 + step.A % 4, step.B);
                break;
            case 7:
                Scan(isCommitted: step.A % 2 == 0);
                break;
            case 8:
                CommitOrFetch(step, partition.Name);
                break;
            case 9:
                AnswerLate(step.A);
                break;
            default:
                Disturb(step, partition);
                break;
        }
    }

    private void WritePlain(ModelStep step, ModelPartition partition)
    {
        var who = step.B % 2;
        var call = Invoke(_sessions[who], new Write(partition.Name, _values++, _sessions[who], TimestampMs: 1000 + _values));
        switch (step.B / 2 % 8)
        {
            case 0:
                Answer(call, Outcome.Failed);
                break;
            case 1:
                Answer(call, Outcome.Unknown);          // not stored; whoever knows no more begins a new session
                _sessions[who] = _sessionCount++;
                break;
            case 2:
                Append(partition, null);
                Answer(call, Outcome.Unknown);
                break;
            case 3:
                _late.Add(Completion(call, new WriteAnswer(Append(partition, null))));
                break;
            default:
                Answer(call, Outcome.Ok, new WriteAnswer(Append(partition, null)));
                break;
        }
    }

    private void WriteInTransaction(ModelStep step, ModelPartition partition)
    {
        var session = 2 + step.B % 2;
        if (!_open.TryGetValue(session, out var transaction))
        {
            _open.Add(session, transaction = new ModelTransaction(_transactions++, session));
            Answer(Invoke(session, new BeginTransaction(transaction.Number, session)), Outcome.Ok);
        }
        var call = Invoke(session, new Write(partition.Name, _values++, session, transaction.Number));
        transaction.Partitions.Add(partition);
        Answer(call, Outcome.Ok, new WriteAnswer(Append(partition, transaction)));
        if (step.B % 3 != 0)
            return;
        transaction.Offsets[partition.Name] = _values;
        Answer(Invoke(session, new CommitOffsets("group", new Dictionary<TopicPartition, long> { [partition.Name] = _values }, transaction.Number)), Outcome.Ok);
    }

    private void EndTransaction(int session, bool isCommit, int chance)
    {
        if (!_open.Remove(session, out var transaction))
            return;
        var call = Invoke(session, new EndTransaction(transaction.Number, isCommit));
        var isLost = isCommit && chance % 6 == 0;
        Decide(transaction, isCommit && !isLost);
        Answer(call, isLost || chance % 6 == 1 ? Outcome.Unknown : Outcome.Ok);
    }

    private void Decide(ModelTransaction transaction, bool isCommitted)
    {
        transaction.IsCommitted = isCommitted;
        foreach (var partition in transaction.Partitions)
            partition.Entries.Add(new ModelEntry(-1, null));
        foreach (var (partition, offset) in transaction.Offsets)
        {
            if (isCommitted)
                _committed[partition] = offset;
        }
    }

    private void Poll(int consumer, int most)
    {
        var isCommitted = consumer % 2 == 0;
        var parts = _partitions.Select(partition => Part(partition, PositionOf(consumer, partition), most % 6, isCommitted)).ToList();
        foreach (var part in parts)
            _positions[(consumer, part.Partition.Partition)] = (int)part.End;
        Answer(Invoke(consumer, new Poll(consumer, isCommitted)), Outcome.Ok, new RecordsAnswer(parts));
    }

    private int PositionOf(int consumer, ModelPartition partition) =>
        Math.Max(partition.LogStart, _positions.GetValueOrDefault((consumer, partition.Name.Partition)));

    private void Scan(bool isCommitted)
    {
        var call = Invoke(50, new Scan([.. _partitions.Select(partition => partition.Name)], isCommitted, IsSnapshot: true));
        Answer(call, Outcome.Ok, new RecordsAnswer([.. _partitions.Select(partition => Part(partition, partition.LogStart, int.MaxValue, isCommitted))]));
    }

    private static PartitionRead Part(ModelPartition partition, int from, int most, bool isCommitted)
    {
        var limit = partition.LimitFor(isCommitted);
        var to = (int)Math.Min(limit, from + (long)most);
        var records = partition.Read(from, to, isCommitted).Select(read => new ReadRecord(read.Offset, read.Entry.Value)).ToList();
        return new PartitionRead(partition.Name, from, Math.Max(from, to), Math.Max(from, limit), records);
    }

    private void CommitOrFetch(ModelStep step, TopicPartition partition)
    {
        if (step.B % 2 == 0)
        {
            var call = Invoke(60, new FetchOffsets("group", [partition]));
            Answer(call, Outcome.Ok, new OffsetsAnswer(_committed.Where(next => next.Key == partition).ToDictionary()));
            return;
        }
        var commit = Invoke(60, new CommitOffsets("group", new Dictionary<TopicPartition, long> { [partition] = ++_values }));
        if (step.B % 8 != 1)
            _committed[partition] = _values;
        Answer(commit, step.B % 8 < 4 ? Outcome.Unknown : Outcome.Ok);
    }

    private void AnswerLate(int which)
    {
        if (_late.Count == 0)
            return;
        var answer = _late[which % _late.Count];
        _late.Remove(answer);
        _history.Add(answer with { TimeMs = _time++ });
    }

    private void Disturb(ModelStep step, ModelPartition partition)
    {
        switch (step.B % 4)
        {
            case 0:
                Die();
                break;
            case 1:
                partition.LogStart = Math.Min(partition.LastStable, partition.LogStart + 1 + step.B % 3);
                Observe(new Retained(partition.Name, partition.LogStart));
                break;
            default:
                Observe(new Watermarks(partition.Name, partition.LogStart, partition.LastStable, partition.Entries.Count, partition.Entries.Count, partition.Entries.Count));
                break;
        }
    }

    private void Die()
    {
        _late.Clear();
        Observe(new BrokerDied("the model wants it", Death.Power));
        foreach (var transaction in _open.Values)
        {
            Decide(transaction, isCommitted: false);
            Observe(new TransactionAborted(transaction.Number, "its broker died"));
        }
        _open.Clear();
        Observe(new BrokerOpened(2));
        (_sessions[0], _sessions[1]) = (_sessionCount++, _sessionCount++);
    }

    /// <summary>Everything ends, and everything is read twice.</summary>
    private void Quiesce()
    {
        while (_late.Count > 0)
            AnswerLate(0);
        foreach (var session in _open.Keys.ToList())
            EndTransaction(session, isCommit: true, chance: 2);
        Observe(new Quiesced(0, 0, 0));
        for (var round = 0; round < 2; round++)
        {
            Scan(isCommitted: false);
            Scan(isCommitted: true);
        }
    }

    private long Append(ModelPartition partition, ModelTransaction? transaction)
    {
        partition.Entries.Add(new ModelEntry(_values - 1, transaction));
        return partition.Entries.Count - 1;
    }

    private Invoked Invoke(int process, Call call)
    {
        var invoked = new Invoked(_time++, process, _operations++, call);
        _history.Add(invoked);
        return invoked;
    }

    private void Answer(Invoked call, Outcome outcome, Answer? answer = null) =>
        _history.Add(new Completed(_time++, call.Process, call.Operation, outcome, answer));

    private static Completed Completion(Invoked call, Answer answer) => new(0, call.Process, call.Operation, Outcome.Ok, answer);

    private void Observe(Fact fact) => _history.Add(new Observed(_time++, 0, fact));
}
