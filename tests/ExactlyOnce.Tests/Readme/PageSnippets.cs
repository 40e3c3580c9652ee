using System.Text.RegularExpressions;

namespace ExactlyOnce.Tests.Readme;

/// <summary>What a page shows as C#, by name, and what a source file has under the same names, with the indentation taken away.</summary>
internal static partial class PageSnippets
{
    /// <summary>Every block of C# that stands behind <c>&lt;!-- snippet: Name --&gt;</c>.</summary>
    public static Dictionary<string, string> ShownIn(string page) =>
        Shown().Matches(page.ReplaceLineEndings("\n")).ToDictionary(match => match.Groups["name"].Value, match => match.Groups["code"].Value);

    /// <summary>Everything between <c>// snippet: Name</c> and <c>// end</c>.</summary>
    public static Dictionary<string, string> CompiledIn(string source) =>
        Compiled().Matches(source.ReplaceLineEndings("\n")).ToDictionary(match => match.Groups["name"].Value, match => Unindent(match.Groups["code"].Value));

    private static string Unindent(string code)
    {
        var lines = code.Split('\n');
        var indent = lines.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : line.TrimStart()));
    }

    [GeneratedRegex("<!-- snippet: (?<name>\\w+) -->\n```csharp\n(?<code>.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Shown();

    [GeneratedRegex("^ *// snippet: (?<name>\\w+)\n(?<code>.*?)\n *// end$", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Compiled();
}
