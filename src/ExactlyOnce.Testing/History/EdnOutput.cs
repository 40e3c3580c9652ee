using System.Globalization;

namespace ExactlyOnce.Testing.History;

/// <summary>
/// Lines of an EDN history in their order. An operation whose content is not known yet (a transaction that runs) holds back the lines behind it.
/// </summary>
internal sealed class EdnOutput(TextWriter output)
{
    private readonly Queue<(EdnOperation Operation, string? Type, long TimeMs)> _waiting = new();
    private readonly Dictionary<string, List<EdnProcess>> _processes = [];
    private long? _startMs;
    private int _processCount;
    private long _index;

    public EdnOperation Invoke(string function, string who, long timeMs)
    {
        var operation = new EdnOperation(function, Take(who));
        _waiting.Enqueue((operation, null, timeMs));
        return operation;
    }

    public void WriteAssign(string who, string keys, long timeMs)
    {
        var operation = new EdnOperation("assign", Take(who)) { IsReady = true, Value = $"[{keys}]", Extra = ", :seek-to-beginning? true" };
        _waiting.Enqueue((operation, null, timeMs));
        Complete(operation, "ok", timeMs);
    }

    public void Complete(EdnOperation operation, string type, long timeMs)
    {
        operation.IsReady = true;
        operation.Process.IsBusy = false;
        operation.Process.IsDead = type == "info";
        _waiting.Enqueue((operation, type, timeMs));
        WriteReady();
    }

    public void WriteReady()
    {
        while (_waiting.TryPeek(out var line) && line.Operation.IsReady)
            Write(_waiting.Dequeue());
    }

    public void Flush()
    {
        while (_waiting.TryDequeue(out var line))
            Write(line);
        output.Flush();
    }

    private EdnProcess Take(string who)
    {
        if (!_processes.TryGetValue(who, out var processes))
            _processes.Add(who, processes = []);
        processes.RemoveAll(process => process.IsDead);
        var free = processes.Find(process => !process.IsBusy);
        if (free is null)
            processes.Add(free = new EdnProcess(_processCount++));
        free.IsBusy = true;
        return free;
    }

    private void Write((EdnOperation Operation, string? Type, long TimeMs) line)
    {
        _startMs ??= line.TimeMs;
        var operation = line.Operation;
        var value = operation.Value ?? $"[{string.Join(' ', operation.Steps.Where(step => !step.HasFailed).Select(step => step.Text(line.Type)))}]";
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{{:index {_index++}, :time {(line.TimeMs - _startMs) * 1_000_000}, :type :{line.Type ?? "invoke"}, :process {operation.Process.Number}, :f :{operation.Function}, :value {value}{operation.Extra}}}"));
    }
}

/// <summary>A Jepsen operation: it is written twice, as its call and as its answer.</summary>
internal sealed class EdnOperation(string function, EdnProcess process)
{
    public string Function => function;

    public EdnProcess Process => process;

    public List<EdnMicroOperation> Steps { get; } = [];

    public bool IsReady { get; set; }

    /// <summary>In place of steps.</summary>
    public string? Value { get; init; }

    public string Extra { get; init; } = "";
}

/// <summary>A send or a poll.</summary>
internal sealed class EdnMicroOperation(string call)
{
    public int Key { get; init; }

    public long Value { get; init; }

    public string? Answer { get; set; }

    /// <summary>It never took effect: a transaction is written without it.</summary>
    public bool HasFailed { get; set; }

    public string Text(string? type) => type is "ok" or "info" ? Answer ?? call : call;
}

/// <summary>One thing at a time.</summary>
internal sealed class EdnProcess(int number)
{
    public int Number => number;

    public bool IsBusy { get; set; }

    public bool IsDead { get; set; }
}
