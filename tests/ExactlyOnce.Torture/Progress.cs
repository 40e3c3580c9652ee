using System.Diagnostics;
using System.Globalization;

namespace ExactlyOnce.Torture;

/// <summary>Counters, printed about once a second while a torture runs and once at its end. Safe for several threads.</summary>
internal sealed class Progress(TextWriter output)
{
    private readonly Lock _lock = new();
    private readonly List<(string Name, long Count)> _counters = [];
    private readonly long _started = Stopwatch.GetTimestamp();
    private TimeSpan _lastPrinted;
    private string _note = "";

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    /// <summary>Adds to a counter; the first counter of a torture is its rate.</summary>
    public void Count(string name, long added = 1)
    {
        lock (_lock)
        {
            var index = _counters.FindIndex(counter => counter.Name == name);
            if (index < 0)
                _counters.Add((name, added));
            else
                _counters[index] = (name, _counters[index].Count + added);
            PrintWhenDue();
        }
    }

    public long Counted(string name)
    {
        lock (_lock)
            return _counters.Find(counter => counter.Name == name).Count;
    }

    /// <summary>Says what is going on, on the next line printed.</summary>
    public void Say(string note)
    {
        lock (_lock)
        {
            _note = note;
            PrintWhenDue();
        }
    }

    /// <summary>Prints a line at once.</summary>
    public void Print(string line)
    {
        lock (_lock)
            output.WriteLine(line);
    }

    public void PrintSummary()
    {
        lock (_lock)
            output.WriteLine(Line());
    }

    private void PrintWhenDue()
    {
        var now = Elapsed;
        if (now - _lastPrinted < TimeSpan.FromSeconds(1))
            return;
        _lastPrinted = now;
        output.WriteLine(Line());
    }

    private string Line()
    {
        var elapsed = Elapsed;
        var counters = string.Join(", ", _counters.Select(counter => string.Create(CultureInfo.InvariantCulture, $"{counter.Count:N0} {counter.Name}")));
        var rate = _counters.Count > 0 ? string.Create(CultureInfo.InvariantCulture, $" ({_counters[0].Count / Math.Max(elapsed.TotalSeconds, 0.001):N0} a second)") : "";
        return $@"{elapsed:hh\:mm\:ss}  {counters}{rate}{(_note.Length > 0 ? "  " + _note : "")}";
    }
}
