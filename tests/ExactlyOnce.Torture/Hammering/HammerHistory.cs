using System.Collections.Concurrent;
using System.Diagnostics;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// What one round's threads asked and heard, in an order in which it can have happened: a call is noted before it is made, an answer after it was given.
/// Numbers are given once. Thread-safe.
/// </summary>
internal sealed class HammerHistory(Progress progress)
{
    private readonly HistoryRecorder _recorder = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly Dictionary<TopicPartition, long> _logStarts = [];
    private readonly long _began = Stopwatch.GetTimestamp();
    private int _lastNumber;
    private long _writes;

    public IReadOnlyList<HistoryEvent> Events => _recorder.Events;

    /// <summary>What was wrong beside the invariants.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>How many records were written, or at least tried.</summary>
    public long Writes => Volatile.Read(ref _writes);

    private long NowMs => (long)Stopwatch.GetElapsedTime(_began).TotalMilliseconds;

    /// <summary>For a process, a session, a consumer, a transaction, a call or a value.</summary>
    public int NewNumber() => Interlocked.Increment(ref _lastNumber);

    public void Complain(string complaint) => _complaints.Enqueue(complaint);

    public long Invoke(int process, Call call)
    {
        var operation = NewNumber();
        if (call is Write)
            Interlocked.Increment(ref _writes);
        _recorder.Add(new Invoked(NowMs, process, operation, call));
        return operation;
    }

    public void Complete(int process, long operation, Outcome outcome = Outcome.Ok, Answer? answer = null, string? error = null) =>
        _recorder.Add(new Completed(NowMs, process, operation, outcome, answer, error));

    public void Observe(Fact fact, int process = 0) => _recorder.Add(new Observed(NowMs, process, fact));

    /// <summary>
    /// A reader has found that a log begins here. The history must know it before it hears of that reading, and of every later one: records in front of it are
    /// gone by permission.
    /// </summary>
    public void NoteLogStart(TopicPartition partition, long logStart)
    {
        lock (_logStarts)
        {
            if (logStart <= _logStarts.GetValueOrDefault(partition))
                return;
            _logStarts[partition] = logStart;
            Observe(new Retained(partition, logStart));
        }
    }

    public void Count(string what, long added = 1) => progress.Count(what, added);

    /// <summary>What a caller knows after an exception.</summary>
    public static Outcome OutcomeOf(BrokerException exception) =>
        exception is StorageException || exception.Code is ErrorCode.OutcomeUnknown or ErrorCode.BrokerClosed ? Outcome.Unknown : Outcome.Failed;
}
