using System.Text;

namespace ExactlyOnce.Tests.Golden;

/// <summary>
/// The one text interpreter of the kernel's golden scripts. A script is a list of steps: a command line, <c>----</c>, the expected output, an empty
/// line. Lines that start with '#' are prose. The list of scripts reads as the specification. Set REWRITE_GOLDEN=1 to write what the kernel answers
/// now into the source file, and review the difference like code.
/// </summary>
internal static class GoldenScript
{
    /// <summary>Runs one script; <paramref name="execute"/> gets the command's words and answers its output.</summary>
    public static void Run(string path, Func<GoldenCommand, string> execute)
    {
        var lines = File.ReadAllLines(path);
        var actual = new StringBuilder();
        var index = 0;
        var failures = new List<string>();
        while (index < lines.Length)
        {
            var line = lines[index];
            if (line.Length == 0 || line[0] == '#')
            {
                actual.Append(line).Append('\n');
                index++;
                continue;
            }
            var commandAt = index;
            index++;
            if (index >= lines.Length || lines[index] != "----")
                throw new InvalidDataException($"{path}:{commandAt + 1}: a command is followed by a line '----'.");
            index++;
            var expected = new StringBuilder();
            while (index < lines.Length && lines[index].Length > 0)
                expected.Append(lines[index++]).Append('\n');
            string output;
            try
            {
                output = execute(GoldenCommand.Parse(line)).TrimEnd();
            }
            catch (Exception exception) when (exception is not InvalidDataException)
            {
                throw new InvalidOperationException($"{path}:{commandAt + 1}: '{line}' threw: {exception.Message}", exception);
            }
            if (output != expected.ToString().TrimEnd())
                failures.Add($"{Path.GetFileName(path)}:{commandAt + 1}: {line}\n  expected: {expected.ToString().TrimEnd()}\n  actual:   {output}");
            actual.Append(line).Append("\n----\n").Append(output).Append('\n');
        }
        if (failures.Count == 0)
            return;
        if (Environment.GetEnvironmentVariable("REWRITE_GOLDEN") == "1")
            File.WriteAllText(SourcePath(path), actual.ToString());
        Assert.Fail(string.Join("\n\n", failures));
    }

    /// <summary>The scripts of a folder under the test project, as theory data.</summary>
    public static TheoryData<string> Scripts(string folder)
    {
        var data = new TheoryData<string>();
        foreach (var path in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, folder), "*.golden").Order(StringComparer.Ordinal))
            data.Add(Path.GetFileNameWithoutExtension(path));
        return data;
    }

    public static string PathOf(string folder, string script) => Path.Combine(AppContext.BaseDirectory, folder, script + ".golden");

    // bin/<configuration>/<framework>/<folder>/<file> stands three levels below the project.
    private static string SourcePath(string path) =>
        Path.Combine(AppContext.BaseDirectory, "../../..", Path.GetRelativePath(AppContext.BaseDirectory, path));
}

/// <summary>A command line: a verb, positional words, and <c>name=value</c> pairs; <c>flag</c> alone is a word.</summary>
internal sealed record GoldenCommand(string Verb, IReadOnlyList<string> Words, IReadOnlyDictionary<string, string> Named)
{
    public static GoldenCommand Parse(string line)
    {
        var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        var words = new List<string>();
        foreach (var part in parts.Skip(1))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
                named.Add(part[..equals], part[(equals + 1)..]);
            else
                words.Add(part);
        }
        return new GoldenCommand(parts[0], words, named);
    }

    public bool Has(string word) => Words.Contains(word);

    public string Text(string name, string otherwise = "") => Named.GetValueOrDefault(name, otherwise);

    public long Long(string name, long otherwise = 0) =>
        Named.TryGetValue(name, out var text) ? long.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : otherwise;

    public int Int(string name, int otherwise = 0) => checked((int)Long(name, otherwise));

    public short Short(string name, short otherwise = 0) => checked((short)Long(name, otherwise));
}
