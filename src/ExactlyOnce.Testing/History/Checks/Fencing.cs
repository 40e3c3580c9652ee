using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I13, fencing: after Init of id x with epoch e completed, no entry of an older session stands behind one of the new session, nothing that an older
/// session called later is stored, and no call of it completes ok if invoked later (beginning a transaction is no call to the broker; a prepared
/// transaction may be decided by whoever holds its token). Epochs of an id rise. Memory: one entry per session, one per transactional id and partition.
/// </summary>
internal sealed class Fencing(HistoryTables tables, Report report) : IWriteCheck, IRecordCheck, ICallCheck, IFactCheck
{
    private readonly Dictionary<int, FencedSession> _sessions = [];
    private readonly Dictionary<string, List<FencedSession>> _current = [];
    private readonly Dictionary<(string Id, int Log), List<(FencedSession Session, WriteStream Stream)>> _streams = [];
    private readonly HashSet<(int Session, int Other)> _reported = [];

    public void Acknowledged(RunningCall call, int row, WriteAnswer answer)
    {
        if (!_sessions.TryGetValue(tables.Writes.StreamOf(row).Session, out var session))
            return;
        if (call.At > session.FencedAt)
            AddZombie(session, tables.Describe(row), call.At);
        else
            Enter(session, row, answer.Offset);
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        ref var write = ref tables.Writes[row];
        if (write.Offset >= 0 || tables.IsLost(row) || !_sessions.TryGetValue(tables.Writes.StreamOf(row).Session, out var session))
            return;
        if (write.InvokedAt > session.FencedAt && !write.Is(WriteTraits.Failed))
            AddZombie(session, tables.Describe(row), write.InvokedAt);
        else
            Enter(session, row, record.Offset);
    }

    public void Answered(RunningCall call, Completed completed)
    {
        if (completed.Outcome != Outcome.Ok)
            return;
        switch (call.Invoked.Call)
        {
            case InitProducer init:
                Take(init, completed.Answer as ProducerAnswer, call.At);
                break;
            case EndTransaction end when !tables.TransactionOf(end.Transaction).IsPrepared:
                CompareSession(call, end.Transaction, end.IsCommit ? "commit" : "abort");
                break;
            case PrepareTransaction prepare:
                CompareSession(call, prepare.Transaction, "prepare");
                break;
            case CommitOffsets { Transaction: { } number }:
                CompareSession(call, number, "offset commit");
                break;
        }
    }

    public void Observed(Fact fact)
    {
        if (tables.Options.Durability != Durability.Memory || fact is not (BrokerDied or BrokerClosed))
            return;
        _sessions.Clear();
        _current.Clear();
        _streams.Clear();
    }

    private void Take(InitProducer init, ProducerAnswer? answer, int calledAt)
    {
        if (!_current.TryGetValue(init.TransactionalId, out var current))
            _current.Add(init.TransactionalId, current = []);
        var rank = current.Count == 0 ? 0 : current.Max(session => session.Rank) + 1;
        var taken = new FencedSession(init.TransactionalId, init.Session, answer, tables.Now) { Rank = rank };
        foreach (var other in current.ToList())
        {
            if (other.IsOlderThan(taken))
                Fence(other, taken, current);
            else if (other.TakenAt < calledAt)
                report.Add(Invariant.Fencing, $"{taken} has no higher epoch than {other}, which had it before", other.TakenAt, calledAt);
            else
                (taken.FencedAt, taken.FencedBy, taken.Rank) = (tables.Now, other, other.Rank - 0.5);
        }
        if (taken.FencedBy is null)
            current.Add(taken);
        _sessions[init.Session] = taken;
    }

    private void Fence(FencedSession older, FencedSession newer, List<FencedSession> current)
    {
        (older.FencedAt, older.FencedBy) = (tables.Now, newer);
        current.Remove(older);
    }

    /// <summary>Entries of an id's sessions stand in the order of the sessions: neighbours are compared.</summary>
    private void Enter(FencedSession session, int row, long offset)
    {
        var stream = tables.Writes.StreamOf(row);
        var streams = StreamsOf(session.Id, stream.Log);
        var index = streams.FindLastIndex(other => other.Session.Rank <= session.Rank);
        if (index < 0 || streams[index].Session != session)
            streams.Insert(++index, (session, stream));
        (stream.FirstOffset, stream.LastOffset) = (Math.Min(stream.FirstOffset, offset), Math.Max(stream.LastOffset, offset));
        if (index > 0 && streams[index - 1].Stream.LastOffset > offset)
            AddOrder(session, row, offset, streams[index - 1].Session, streams[index - 1].Stream.LastOffset);
        if (index + 1 < streams.Count && streams[index + 1].Stream.FirstOffset < offset)
            AddOrder(session, row, offset, streams[index + 1].Session, streams[index + 1].Stream.FirstOffset);
    }

    private List<(FencedSession Session, WriteStream Stream)> StreamsOf(string id, PartitionLog log)
    {
        if (!_streams.TryGetValue((id, log.Index), out var streams))
            _streams.Add((id, log.Index), streams = []);
        return streams;
    }

    private void AddOrder(FencedSession session, int row, long offset, FencedSession other, long otherOffset)
    {
        if (!_reported.Add((session.Session, other.Session)))
            return;
        report.Add(Invariant.Fencing,
            $"{tables.Describe(row)} stands at {offset} and an entry of {other} at {otherOffset}: {session} and it are the wrong way round",
            tables.Writes[row].InvokedAt, session.TakenAt, other.TakenAt);
    }

    private void CompareSession(RunningCall call, long number, string what)
    {
        if (_sessions.TryGetValue(tables.TransactionOf(number).Session, out var session) && call.At > session.FencedAt)
            AddZombie(session, $"the {what} of transaction {number}", call.At);
    }

    private void AddZombie(FencedSession session, string what, long calledAt)
    {
        if (_reported.Add((session.Session, -1)))
            report.Add(Invariant.Fencing,
                $"{what} was called by {session} after {session.FencedBy} had fenced it, and took effect", session.FencedAt, calledAt);
    }
}
