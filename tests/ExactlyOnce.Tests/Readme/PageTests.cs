using System.Text.RegularExpressions;

namespace ExactlyOnce.Tests.Readme;

/// <summary>What every page of the repository shows is compiled by a test project, and run there; what it links to is there.</summary>
public sealed partial class PageTests
{
    private static readonly string[] s_pages = [.. Below("*.md")];

    [Fact]
    public void Every_csharp_snippet_of_a_page_is_the_code_that_tests_run()
    {
        var compiled = Below("*.cs").Where(path => path.StartsWith("tests/", StringComparison.Ordinal)).SelectMany(path => PageSnippets.CompiledIn(Text(path)))
            .ToDictionary(StringComparer.Ordinal);
        var shown = s_pages.SelectMany(path => PageSnippets.ShownIn(Text(path))).ToDictionary(StringComparer.Ordinal);

        shown.Should().BeEquivalentTo(compiled).And.HaveCountGreaterThan(20);
    }

    [Fact]
    public void Every_csharp_block_of_a_page_is_a_snippet_or_shows_what_others_code_was_before() =>
        s_pages.Where(path => CSharp().Count(Text(path)) != NamedCSharp().Count(Text(path))).Should().BeEmpty("a block without a name is compiled by nobody");

    [Fact]
    public void Every_file_that_a_page_links_to_exists() =>
        s_pages.SelectMany(path => Link().Matches(Text(path)).Select(match => Path.Combine(Path.GetDirectoryName(path)!, match.Groups["target"].Value)))
            .Where(target => !Path.Exists(Repository.PathOf(target))).Should().BeEmpty();

    /// <summary>Of what belongs to the repository; builds, packages and data leave pages and sources of others beside it.</summary>
    private static IEnumerable<string> Below(string pattern) =>
        from path in Directory.EnumerateFiles(Repository.Root, pattern, new EnumerationOptions { RecurseSubdirectories = true })
        let relative = Path.GetRelativePath(Repository.Root, path).Replace('\\', '/')
        where !Foreign().IsMatch(relative)
        select relative;

    private static string Text(string path) => File.ReadAllText(Repository.PathOf(path)).ReplaceLineEndings("\n");

    [GeneratedRegex("^```csharp$", RegexOptions.Multiline)]
    private static partial Regex CSharp();

    [GeneratedRegex("^<!-- (before|snippet: \\w+) -->\n```csharp$", RegexOptions.Multiline)]
    private static partial Regex NamedCSharp();

    [GeneratedRegex(@"\]\((?!https?:)(?<target>[^)#]+)")]
    private static partial Regex Link();

    [GeneratedRegex("(^|/)(bin|obj|node_modules|BenchmarkDotNet.Artifacts|\\.[^/]+)/")]
    private static partial Regex Foreign();
}
