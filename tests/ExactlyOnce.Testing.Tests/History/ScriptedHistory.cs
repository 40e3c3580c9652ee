using System.Globalization;
using System.Reflection;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

/// <summary>One history of a file in <c>Invariants</c>.</summary>
internal sealed record ScriptedHistory(string File, Invariant Invariant, string Title, string? Culprit, CheckerOptions Options, IReadOnlyList<HistoryEvent> Events)
{
    public static IReadOnlyList<ScriptedHistory> All { get; } = [.. Files().SelectMany(file => Parse(file.Name, file.Lines))];

    private static IEnumerable<(string Name, string[] Lines)> Files()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.EndsWith(".history", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            yield return (name, reader.ReadToEnd().Split('\n'));
        }
    }

    /// <summary>A file's name begins with its invariant's number; histories begin with "good:" or "bad:", at the beginning of a line.</summary>
    private static IEnumerable<ScriptedHistory> Parse(string name, string[] lines)
    {
        var invariant = (Invariant)int.Parse(name.AsSpan(1, 2), CultureInfo.InvariantCulture);
        for (var index = 0; index < lines.Length; index++)
        {
            if (!lines[index].StartsWith("good:", StringComparison.Ordinal) && !lines[index].StartsWith("bad:", StringComparison.Ordinal))
                continue;
            var body = lines[(index + 1)..].TakeWhile(line => line.Length == 0 || line[0] == ' ').Select(line => line.Trim()).ToList();
            var culprit = body.Find(line => line.StartsWith("culprit:", StringComparison.Ordinal))?["culprit:".Length..].Trim();
            var options = OptionsOf(body.Find(line => line.StartsWith("options:", StringComparison.Ordinal)) ?? "");
            var script = body.Where(line => !line.StartsWith("culprit:", StringComparison.Ordinal) && !line.StartsWith("options:", StringComparison.Ordinal));
            yield return new ScriptedHistory(name, invariant, lines[index].Split(':', 2)[1].Trim(), culprit, options, HistoryScript.Parse(script));
        }
    }

    private static CheckerOptions OptionsOf(string line) => new()
    {
        Durability = line.Contains("memory", StringComparison.Ordinal) ? Durability.Memory : line.Contains("written", StringComparison.Ordinal) ? Durability.Written : Durability.Flushed,
        IsLogInCommitOrder = line.Contains("log-in-commit-order", StringComparison.Ordinal),
        CompactedTopics = line.Contains("compacted-k", StringComparison.Ordinal) ? new HashSet<string> { "k" } : new HashSet<string>(),
    };
}
