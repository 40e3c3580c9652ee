using ExactlyOnce.Testing.History.Checks;
using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History;

/// <summary>
/// Reads a history as it happens and says which of the invariants I1 to I23 it breaks. Each event is looked at once; nothing is searched, because values
/// name their writes and offsets give the order. A record that is written in a transaction of ten and read once costs about 2.4 microseconds of processor
/// time and 100 bytes (measured with <c>ExactlyOnce.Torture -- history</c>); a key, a timestamp or a source costs 8 to 16 bytes more. What is read again
/// costs no memory. One thread at a time. A history that is none (an operation called or answered twice, a value written twice) is an
/// <see cref="ArgumentException"/>; everything else becomes a <see cref="Violation"/>.
/// <para>
/// A violation is reported once and under one invariant: a record that is missing after a crash is I7, not I1 as well. Facts that allow something to be
/// missing (<see cref="Retained"/>, <see cref="Compacted"/>, <see cref="DeleteRecords"/>, <see cref="ChangeTopic"/>) count from the moment at which they
/// are added.
/// </para>
/// </summary>
public sealed class HistoryChecker : IHistory
{
    private readonly HistoryTables _tables;
    private readonly Report _report;
    private readonly CheckList _checks;
    private readonly TransactionFates _fates;
    private readonly WriteAnswers _writes;
    private readonly ReadAnswers _reads;
    private bool _isComplete;

    /// <summary>A checker for one history.</summary>
    /// <param name="options">What the history was promised; null for a broker with <see cref="Durability.Flushed"/>.</param>
    public HistoryChecker(CheckerOptions? options = null)
    {
        _tables = new HistoryTables(options ?? new CheckerOptions());
        _report = new Report(_tables);
        _checks = new CheckList(_tables, _report);
        _fates = new TransactionFates(_tables, _checks);
        _writes = new WriteAnswers(_tables, _checks);
        _reads = new ReadAnswers(_tables, _checks, _fates);
    }

    /// <summary>What is wrong up to now, in the order in which it was noticed. Some of it is only known after <see cref="Complete"/>.</summary>
    public IReadOnlyList<Violation> Violations => _report.Violations;

    /// <summary>
    /// How many violations there are, with those that <see cref="CheckerOptions.ViolationsPerInvariantMax"/> kept out of <see cref="Violations"/>.
    /// </summary>
    public long ViolationCount => _report.Count;

    /// <summary>How many events were added.</summary>
    public long EventCount => _tables.Now + 1L;

    /// <summary>Checks a whole history.</summary>
    public static IReadOnlyList<Violation> Check(IEnumerable<HistoryEvent> history, CheckerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(history);
        var checker = new HistoryChecker(options);
        foreach (var next in history)
            checker.Add(next);
        return checker.Complete();
    }

    /// <inheritdoc/>
    public void Add(HistoryEvent next)
    {
        ArgumentNullException.ThrowIfNull(next);
        if (_isComplete)
            throw new InvalidOperationException("The history is complete.");
        _tables.Now++;
        _report.Turn(next);
        switch (next)
        {
            case Invoked invoked:
                Begin(invoked);
                break;
            case Completed completed:
                Answer(completed);
                break;
            case Observed observed:
                Observe(observed.Fact);
                break;
        }
    }

    /// <summary>Ends the history and answers everything that is wrong with it: nothing, if all is well.</summary>
    public IReadOnlyList<Violation> Complete()
    {
        if (_isComplete)
            return Violations;
        _isComplete = true;
        _report.Turn(null);
        foreach (var check in _checks.Ends)
            check.Ended();
        return Violations;
    }

    private void Begin(Invoked invoked)
    {
        var call = _tables.Begin(invoked);
        switch (invoked.Call)
        {
            case Write write:
                _writes.Called(invoked.Operation, write);
                return;
            case DeleteRecords deletion:
                _tables.LogOf(deletion.Partition).AskDeletion(invoked.Operation, deletion.BeforeOffset);
                break;
            case ChangeTopic { Change: TopicChange.Delete } change:
                SetDeleted(change.Topic, true);
                break;
            default:
                _fates.Called(call);
                break;
        }
        foreach (var check in _checks.Calls)
            check.Called(call);
    }

    private void Answer(Completed completed)
    {
        var call = _tables.End(completed);
        switch (call.Invoked.Call)
        {
            case Write:
                _writes.Answered(call, _tables.Writes.RowOfOperation(completed.Operation), completed, isRetry: false);
                break;
            case RetryWrite retry when _tables.Writes.RowOfOperation(retry.Original) is >= 0 and var row:
                _writes.Answered(call, row, completed, isRetry: true);
                break;
            case Poll or Scan when completed is { Outcome: Outcome.Ok, Answer: RecordsAnswer answer }:
                _reads.Answered(call, answer);
                break;
            case DeleteRecords deletion:
                _tables.LogOf(deletion.Partition).AnswerDeletion(completed.Operation, completed.Outcome, (completed.Answer as OffsetAnswer)?.Offset ?? 0);
                break;
            case ChangeTopic { Change: TopicChange.Delete } change when completed.Outcome == Outcome.Failed:
                SetDeleted(change.Topic, false);
                break;
            default:
                _fates.Answered(call, completed);
                break;
        }
        foreach (var check in _checks.Calls)
            check.Answered(call, completed);
    }

    private void Observe(Fact fact)
    {
        switch (fact)
        {
            case BrokerDied died:
                _tables.Die(forgetsAll: Durability == Durability.Memory, losesTail: Durability == Durability.Written && died.Death == Death.Power);
                break;
            case BrokerClosed:
                _tables.Die(forgetsAll: Durability == Durability.Memory, losesTail: false);
                break;
            case Retained retained:
                _tables.LogOf(retained.Partition).Retain(retained.LogStart);
                break;
            case Compacted compacted:
                var log = _tables.LogOf(compacted.Partition);
                log.CleanedTo = Math.Max(log.CleanedTo, compacted.CleanedTo);
                break;
            case TransactionAborted aborted:
                _fates.Abort(_tables.TransactionOf(aborted.Transaction));
                break;
            case Quiesced:
                _fates.Quiesce();
                break;
            case Watermarks watermarks:
                _reads.Observe(watermarks);
                break;
        }
        foreach (var check in _checks.Facts)
            check.Observed(fact);
    }

    private Durability Durability => _tables.Options.Durability;

    private void SetDeleted(string topic, bool isDeleted)
    {
        foreach (var log in _tables.Logs)
        {
            if (log.Partition.Topic == topic)
                log.IsDeleted = isDeleted;
        }
    }
}
