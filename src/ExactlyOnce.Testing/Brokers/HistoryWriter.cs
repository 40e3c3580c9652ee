using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>
/// Writes down what the clients of a test broker asked for and were answered. A record is known by its bytes and its place: the bytes are compared when the log
/// is read at the end, so what stands there twice, or was never written, is seen. Thread-safe.
/// </summary>
internal sealed class HistoryWriter(TestClock clock, EngineBackend engine)
{
    private readonly Lock _lock = new();
    private readonly HistoryRecorder _recorder = new();
    private readonly Dictionary<ProducerSession, WritingSession> _sessions = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, long> _prepared = [];
    private readonly HashSet<string> _groups = [];
    private readonly TopicIncarnations _topics = new();
    private readonly WrittenRecords _records = new();
    private WritingSession? _anonymous;
    private int _lives = 1;
    private long _operations;
    private long _transactions;

    public IReadOnlyList<HistoryEvent> Events => _recorder.Events;

    private long NowMs => clock.GetUtcNow().ToUnixTimeMilliseconds();

    public void Opened(ProducerSession session)
    {
        if (session.TransactionalId is not { } id)
            return;
        lock (_lock)
        {
            foreach (var (older, state) in _sessions)
                if (older.TransactionalId == id && state.Transaction is { } open)
                    Abort(state, open, "its transactional id was taken over");
            var opened = Of(session);
            Call(opened.Number, new InitProducer(id, opened.Number), Outcome.Ok, new Testing.History.ProducerAnswer(session.Identity.Id, session.Identity.Epoch));
        }
    }

    /// <summary>A batch is in the log. That counts as answered, also when a fault keeps the answer from its producer: it happened.</summary>
    public void Appended(AppendOperation operation, BackendPartition partition)
    {
        lock (_lock)
        {
            var session = Of(operation.Session);
            var transaction = operation.Header.IsTransactional ? Begin(session) : (long?)null;
            var name = _topics.Name(partition);
            var position = 0;
            foreach (var print in RecordPrints.Of(operation.Header, operation.Bytes.Join(), engine.Engine.Decompressor()))
            {
                var offset = operation.Outcome.BaseOffset + position++;
                var number = ++_operations;
                var value = _records.Add(name, offset, print, number);
                Add(new Invoked(NowMs, session.Number, number, new Write(name, value, session.Number, transaction)));
                Add(new Completed(NowMs, session.Number, number, Outcome.Ok, new WriteAnswer(offset, operation.Outcome.IsDuplicate)));
            }
        }
    }

    public void AppendedAgain(AppendOperation operation, BackendPartition partition)
    {
        lock (_lock)
        {
            var session = Of(operation.Session);
            var name = _topics.Name(partition);
            var position = 0;
            foreach (var print in RecordPrints.Of(operation.Header, operation.Bytes.Join(), engine.Engine.Decompressor()))
            {
                var offset = operation.Outcome.BaseOffset + position++;
                if (_records.Find(name, print) is not { } original)
                    continue;
                Call(session.Number, new RetryWrite(original), operation.Outcome.Error == ErrorCode.None ? Outcome.Ok : Outcome.Failed,
                    operation.Outcome.Error == ErrorCode.None ? new WriteAnswer(offset, operation.Outcome.IsDuplicate) : null);
            }
        }
    }

    public void Refused(AppendOperation operation, BackendPartition partition)
    {
        lock (_lock)
        {
            var session = Of(operation.Session);
            Call(session.Number, new Write(_topics.Name(partition), _records.NextValue(), session.Number), Outcome.Failed, null, operation.Outcome.Error.ToString());
        }
    }

    public void Ended(ProducerSession session, bool isCommit, IReadOnlyList<TransactionOffsets> offsets)
    {
        lock (_lock)
        {
            var state = Of(session);
            if (offsets.Count > 0)
                Begin(state);
            if (state.Transaction is not { } transaction)
                return;
            NoteOffsets(state, transaction, offsets);
            Call(state.Number, new EndTransaction(transaction, isCommit), Outcome.Ok, null);
            state.Transaction = null;
        }
    }

    public void NotEnded(ProducerSession session, bool isCommit, BrokerException why)
    {
        lock (_lock)
        {
            var state = Of(session);
            if (state.Transaction is not { } transaction)
                return;
            Call(state.Number, new EndTransaction(transaction, isCommit), Outcome.Failed, null, why.Code.ToString());
            if (why.Recovery == ErrorRecovery.RecreateClient || why is TransactionTimedOutException)
                Abort(state, transaction, why.Message);
        }
    }

    public void Prepared(ProducerSession session, IReadOnlyList<TransactionOffsets> offsets, string token)
    {
        lock (_lock)
        {
            var state = Of(session);
            var transaction = Begin(state);
            NoteOffsets(state, transaction, offsets);
            Call(state.Number, new PrepareTransaction(transaction), Outcome.Ok, null);
            _prepared[token] = transaction;
            state.Transaction = null;
        }
    }

    public void Resolved(string token, bool isCommit)
    {
        lock (_lock)
            if (_prepared.Remove(token, out var transaction))
                Call(process: 0, new EndTransaction(transaction, isCommit), Outcome.Ok, null);
    }

    public void Committed(string group, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets)
    {
        lock (_lock)
        {
            _groups.Add(group);
            Call(process: 0, new CommitOffsets(group, ToHistory(offsets)), Outcome.Ok, null);
        }
    }

    public void GroupDeleted(string group)
    {
        lock (_lock)
            _groups.Remove(group);
    }

    public void TopicDeleted(BackendPartition first, int partitions)
    {
        lock (_lock)
        {
            var name = _topics.Name(first).Topic;
            _records.Forget(name);
            Call(process: 0, new ChangeTopic(name, TopicChange.Delete, partitions), Outcome.Ok, null);
        }
    }

    public void Died(string how)
    {
        lock (_lock)
        {
            Add(new Observed(NowMs, 0, new BrokerDied(how)));
            foreach (var state in _sessions.Values)
                if (state.Transaction is { } open)
                    Abort(state, open, "its process died");
            _sessions.Clear();
            _anonymous = null;
        }
    }

    public void Reopened()
    {
        lock (_lock)
            Add(new Observed(NowMs, 0, new BrokerOpened(++_lives)));
    }

    /// <summary>Reads the whole log and every group's offsets into the history, as a client would that comes last, and looks through all of it.</summary>
    public IReadOnlyList<Violation> Check()
    {
        lock (_lock)
        {
            var checker = new HistoryChecker(new CheckerOptions { CompactedTopics = LogScan.CompactedTopics(engine) });
            _recorder.CopyTo(checker);
            var nowMs = NowMs;
            var reads = LogScan.Read(engine, _topics, _records);
            foreach (var read in reads)
                if (read.Begin > 0)
                    checker.Add(new Observed(nowMs, 0, new Retained(read.Partition, read.Begin)));
            checker.Add(new Invoked(nowMs, 0, _operations + 1, new Scan([.. reads.Select(read => read.Partition)], IsCommitted: true)));
            checker.Add(new Completed(nowMs, 0, _operations + 1, Outcome.Ok, new RecordsAnswer(reads)));
            return checker.Complete();
        }
    }

    private WritingSession Of(ProducerSession? session)
    {
        if (session is null)
            return _anonymous ??= new WritingSession(_sessions.Count + 1_000_000_000);
        if (!_sessions.TryGetValue(session, out var state))
            _sessions.Add(session, state = new WritingSession((int)++_operations));
        return state;
    }

    private long Begin(WritingSession session)
    {
        if (session.Transaction is { } open)
            return open;
        session.Transaction = ++_transactions;
        Call(session.Number, new BeginTransaction(_transactions, session.Number), Outcome.Ok, null);
        return _transactions;
    }

    private void NoteOffsets(WritingSession session, long transaction, IReadOnlyList<TransactionOffsets> offsets)
    {
        foreach (var each in offsets)
        {
            _groups.Add(each.Group);
            Call(session.Number, new CommitOffsets(each.Group, ToHistory(each.Offsets), transaction), Outcome.Ok, null);
        }
    }

    private void Abort(WritingSession session, long transaction, string why)
    {
        Add(new Observed(NowMs, 0, new TransactionAborted(transaction, why)));
        session.Transaction = null;
    }

    private Dictionary<TopicPartition, long> ToHistory(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets) =>
        offsets.ToDictionary(offset => _topics.Name(engine.GetPartition(offset.Key)), offset => offset.Value.Offset);

    private void Call(int process, Call call, Outcome outcome, Answer? answer, string? error = null)
    {
        var number = ++_operations;
        Add(new Invoked(NowMs, process, number, call));
        Add(new Completed(NowMs, process, number, outcome, answer, error));
    }

    private void Add(HistoryEvent next) => _recorder.Add(next);

    /// <summary>A producer session, and the transaction it is in.</summary>
    private sealed class WritingSession(int number)
    {
        public int Number => number;

        public long? Transaction { get; set; }
    }
}
