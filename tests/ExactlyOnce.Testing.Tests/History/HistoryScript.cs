using System.Globalization;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

/// <summary>
/// A history as text, one call or fact a line; the language is described in <c>Invariants/LANGUAGE.md</c>. Time goes on by 10 ms a line; sessions,
/// consumers and members are processes.
/// </summary>
internal sealed class HistoryScript
{
    private readonly List<HistoryEvent> _events = [];
    private readonly Dictionary<string, (int Process, long Operation, Call Call)> _labels = [];
    private long _timeMs;
    private long _operations;

    public static IReadOnlyList<HistoryEvent> Parse(IEnumerable<string> lines)
    {
        var script = new HistoryScript();
        foreach (var line in lines)
        {
            var text = line.Split("//")[0].Trim();
            if (text.Length > 0)
                script.Line(text);
        }
        return script._events;
    }

    private void Line(string text)
    {
        _timeMs += 10;
        var sides = text.Split("->", StringSplitOptions.TrimEntries);
        var words = sides[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is [['#', ..] answered])
        {
            var (process, operation, call) = _labels[answered];
            Complete(process, operation, call, sides[1]);
        }
        else if (words[0] == "fact")
        {
            _events.Add(new Observed(_timeMs, 0, ScriptedFacts.Parse(words[1..])));
        }
        else
        {
            Invoke(words, sides);
        }
    }

    private void Invoke(string[] words, string[] sides)
    {
        var process = ProcessOf(words[0]);
        var call = words[1] == "retry" ? new RetryWrite(_labels[words[2]].Operation) : ScriptedCalls.Parse(words[0], words[1], words[2..]);
        var operation = _operations++;
        _events.Add(new Invoked(_timeMs, process, operation, call));
        if (words[^1].StartsWith('#') && call is not RetryWrite)
            _labels[words[^1]] = (process, operation, call);
        if (sides.Length > 1)
            Complete(process, operation, call, sides[1]);
    }

    private void Complete(int process, long operation, Call call, string answer)
    {
        _timeMs++;
        var outcome = answer switch
        {
            "fail" => Outcome.Failed,
            "?" => Outcome.Unknown,
            _ => Outcome.Ok,
        };
        _events.Add(new Completed(_timeMs, process, operation, outcome, outcome == Outcome.Ok && answer != "ok" ? ScriptedAnswers.Parse(call, answer) : null));
    }

    private static int ProcessOf(string who) => int.Parse(who[1..], CultureInfo.InvariantCulture) + who[0] switch
    {
        'c' => 100,
        'g' => 200,
        'a' => 300,
        _ => 0,
    };
}
