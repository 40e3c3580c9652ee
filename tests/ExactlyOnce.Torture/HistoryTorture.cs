using System.Globalization;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture;

/// <summary>Measures the history checker: records a second, and bytes a record at the end, on a legal history that is made while it is read.</summary>
internal sealed class HistoryTorture : ITorture
{
    private const long Records = 10_000_000;
    private const long Step = 100_000;

    public string Summary => "checks a legal history of --cases records (10,000,000): how fast, and in how much memory";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var records = options.Cases ?? Records;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var checker = new HistoryChecker();
        var written = 0L;
        foreach (var next in LongHistory.Make(records))
        {
            checker.Add(next);
            if (next is not Invoked { Call: Write } || ++written % Step != 0)
                continue;
            progress.Count("records", Step);
            if (progress.Elapsed > options.Limit)
                break;
        }
        var violations = checker.Complete();
        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        progress.Say(string.Create(CultureInfo.InvariantCulture, $"{checker.EventCount:N0} events, {kept / Math.Max(1, written):N0} bytes kept a record"));
        GC.KeepAlive(checker);
        return [.. violations.Select(violation => violation.ToString())];
    }
}
