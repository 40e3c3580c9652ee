using System.Globalization;

namespace ExactlyOnce.Testing.History;

/// <summary>
/// Writes a history in the form of Jepsen's <c>jepsen.tests.kafka</c> workload, one EDN map per line, so that its checker and Elle can judge it again.
/// That form is described in the docstring of the namespace (jepsen/src/jepsen/tests/kafka.clj in jepsen-io/jepsen): <c>:f</c> is <c>:send</c>,
/// <c>:poll</c>, <c>:txn</c>, <c>:assign</c> or <c>:subscribe</c>, <c>:value</c> a vector of <c>[:send key value]</c>, answered as <c>[:send key [offset
/// value]]</c>, and of <c>[:poll]</c>, answered as <c>[:poll {key [[offset value] ...]}]</c>; keys are integers that stand for partitions.
/// <para>
/// What differs is translated. A Jepsen process does one thing at a time and is not used again after <c>:info</c>: each consumer and each session becomes
/// a process, and one that has several calls running becomes several. A transaction is one operation there: it is written where it began, once its end is
/// known. A scan is an <c>:assign</c> from the beginning and a poll. Reads of read_uncommitted consumers, retries, offsets and facts have no form there
/// and are left out.
/// </para>
/// </summary>
public sealed class EdnWriter : IHistory, IDisposable
{
    private readonly EdnOutput _output;
    private readonly Dictionary<TopicPartition, int> _keys = [];
    private readonly Dictionary<long, (Call Call, EdnOperation Operation)> _running = [];
    private readonly Dictionary<long, EdnOperation> _transactions = [];
    private readonly Dictionary<long, EdnMicroOperation> _sends = [];

    /// <summary>Writes to <paramref name="output"/>, which stays open.</summary>
    public EdnWriter(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        _output = new EdnOutput(output);
    }

    /// <summary>What key stands for a partition in the file: in the order in which they appeared.</summary>
    public IReadOnlyDictionary<TopicPartition, int> Keys => _keys;

    /// <inheritdoc/>
    public void Add(HistoryEvent next)
    {
        switch (next)
        {
            case Invoked invoked:
                Begin(invoked);
                break;
            case Completed completed:
                Answer(completed);
                break;
            case Observed { Fact: TransactionAborted aborted } when _transactions.Remove(aborted.Transaction, out var operation):
                _output.Complete(operation, "fail", next.TimeMs);
                break;
        }
    }

    /// <summary>Writes what is still open: calls without an answer.</summary>
    public void Dispose() => _output.Flush();

    private void Begin(Invoked invoked)
    {
        switch (invoked.Call)
        {
            case Write { Transaction: { } number } write:
                var send = Send(write);
                TransactionOf(number, write.Session, invoked.TimeMs).Steps.Add(send);
                _sends.Add(invoked.Operation, send);
                break;
            case Write write:
                Run(invoked, "send", $"s{write.Session}", Send(write));
                break;
            case BeginTransaction begin:
                TransactionOf(begin.Transaction, begin.Session, invoked.TimeMs);
                break;
            case Poll { IsCommitted: true, Transaction: { } number } when _transactions.TryGetValue(number, out var transaction):
                var poll = new EdnMicroOperation("[:poll]");
                transaction.Steps.Add(poll);
                _sends.Add(invoked.Operation, poll);
                break;
            case Poll { IsCommitted: true } poller:
                Run(invoked, "poll", $"c{poller.Consumer}", new EdnMicroOperation("[:poll]"));
                break;
            case Scan { IsCommitted: true } scan:
                var reader = string.Create(CultureInfo.InvariantCulture, $"o{invoked.Operation}");
                _output.WriteAssign(reader, string.Join(' ', scan.Partitions.Select(KeyOf)), invoked.TimeMs);
                Run(invoked, "poll", reader, new EdnMicroOperation("[:poll]"));
                break;
            case EndTransaction end when _transactions.TryGetValue(end.Transaction, out var ended):
                _running.Add(invoked.Operation, (end, ended));
                break;
        }
    }

    private void Run(Invoked invoked, string function, string who, EdnMicroOperation step)
    {
        var operation = _output.Invoke(function, who, invoked.TimeMs);
        operation.Steps.Add(step);
        operation.IsReady = true;
        _running.Add(invoked.Operation, (invoked.Call, operation));
        _output.WriteReady();
    }

    private void Answer(Completed completed)
    {
        if (_sends.Remove(completed.Operation, out var step))
        {
            Learn(step, completed);
            return;
        }
        if (!_running.Remove(completed.Operation, out var running))
            return;
        if (running.Call is EndTransaction end)
            End(end, running.Operation, completed);
        else
            Finish(running.Operation, completed);
    }

    private void Finish(EdnOperation operation, Completed completed)
    {
        Learn(operation.Steps[0], completed);
        operation.Steps[0].HasFailed = false;
        _output.Complete(operation, TypeOf(completed.Outcome), completed.TimeMs);
    }

    /// <summary>An abort that took effect has failed the transaction; a commit that failed may be asked for again.</summary>
    private void End(EndTransaction end, EdnOperation operation, Completed completed)
    {
        var isDecided = completed.Outcome == Outcome.Ok || (end.IsCommit && completed.Outcome == Outcome.Unknown);
        if (isDecided && _transactions.Remove(end.Transaction))
            _output.Complete(operation, end.IsCommit ? TypeOf(completed.Outcome) : "fail", completed.TimeMs);
    }

    private void Learn(EdnMicroOperation step, Completed completed)
    {
        step.HasFailed = completed.Outcome == Outcome.Failed;
        if (completed.Outcome != Outcome.Ok)
            return;
        if (completed.Answer is WriteAnswer answer)
            step.Answer = string.Create(CultureInfo.InvariantCulture, $"[:send {step.Key} [{answer.Offset} {step.Value}]]");
        else if (completed.Answer is RecordsAnswer records)
            step.Answer = $"[:poll {{{string.Join(", ", records.Partitions.Where(part => part.Records.Count > 0).Select(Pairs))}}}]";
    }

    private string Pairs(PartitionRead part) =>
        string.Create(CultureInfo.InvariantCulture, $"{KeyOf(part.Partition)} [{string.Join(' ', part.Records.Select(record => $"[{record.Offset} {record.Value}]"))}]");

    private EdnMicroOperation Send(Write write)
    {
        var key = KeyOf(write.Partition);
        return new EdnMicroOperation(string.Create(CultureInfo.InvariantCulture, $"[:send {key} {write.Value}]")) { Key = key, Value = write.Value };
    }

    private EdnOperation TransactionOf(long number, int session, long timeMs)
    {
        if (!_transactions.TryGetValue(number, out var operation))
            _transactions.Add(number, operation = _output.Invoke("txn", $"s{session}", timeMs));
        return operation;
    }

    private int KeyOf(TopicPartition partition)
    {
        if (!_keys.TryGetValue(partition, out var key))
            _keys.Add(partition, key = _keys.Count);
        return key;
    }

    private static string TypeOf(Outcome outcome) => outcome switch
    {
        Outcome.Ok => "ok",
        Outcome.Failed => "fail",
        _ => "info",
    };
}
