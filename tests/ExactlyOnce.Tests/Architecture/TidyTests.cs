using System.Text.RegularExpressions;

namespace ExactlyOnce.Tests.Architecture;

/// <summary>What keeps the repository readable, as far as a machine can see it.</summary>
public sealed class TidyTests
{
    private const int LinesMax = 450;
    private const int CommentColumnsMax = 160;

    private static readonly string[] s_topLevel =
    [
        "src", "tests", "benchmarks", "samples",
        "ExactlyOnce.sln", "Directory.Build.props", "Directory.Packages.props", "global.json", "README.md", "LICENSE", "CHANGELOG.md",
    ];

    private static readonly string[] s_codeFolders = ["src", "tests", "benchmarks", "samples"];

    /// <summary>
    /// Files that were longer when the rule came, and how long they may be. Numbers go down, and a file that has become short enough leaves the list.
    /// </summary>
    private static readonly Dictionary<string, int> s_outliers = new()
    {
        ["src/ExactlyOnce/Engine/Journal/JournalWriter.cs"] = 500,
        ["tests/ExactlyOnce.Tests/Clients/Consuming/ConsumerTests.cs"] = 700,
        ["tests/ExactlyOnce.Tests/Clients/Pipelines/PipelineTests.cs"] = 700,
        ["tests/ExactlyOnce.Tests/Clients/Producing/ProducerTests.cs"] = 700,
        ["tests/ExactlyOnce.Tests/Engine/Log/CompactionTests.cs"] = 600,
    };

    [Fact]
    public void The_top_level_holds_exactly_what_a_reader_expects_there()
    {
        var ignored = File.ReadAllLines(Repository.PathOf(".gitignore")).Select(line => line.Trim('/'));

        Directory.EnumerateFileSystemEntries(Repository.Root).Select(Path.GetFileName)
            .Where(name => !name!.StartsWith('.') && !ignored.Contains(name))
            .Should().BeEquivalentTo(s_topLevel);
    }

    [Fact]
    public void No_source_promises_to_be_finished_later()
    {
        var unfinished = new Regex(@"\b(TODO|FIXME|HACK|XXX|NotImplementedException)\b");

        SourcesIn("src").Where(path => unfinished.IsMatch(File.ReadAllText(Repository.PathOf(path)))).Should().BeEmpty();
    }

    [Fact]
    public void No_file_grows_beyond_what_one_can_read_in_one_go()
    {
        var tooLong =
            from path in s_codeFolders.SelectMany(SourcesIn)
            let lines = LinesOf(path)
            where lines > s_outliers.GetValueOrDefault(path, LinesMax)
            select $"{path} has {lines} lines";

        tooLong.Should().BeEmpty();
    }

    [Fact]
    public void A_file_that_has_become_short_enough_is_an_exception_no_more() =>
        s_outliers.Keys.Where(path => !File.Exists(Repository.PathOf(path)) || LinesOf(path) <= LinesMax).Should().BeEmpty();

    [Fact]
    public void No_test_looks_for_a_file_where_the_compiler_says_that_its_source_was() =>
        SourcesIn("tests").Where(path => Regex.IsMatch(File.ReadAllText(Repository.PathOf(path)), @"\bCallerFilePath\b(?!\\)")).Should().BeEmpty("a deterministic build writes down /_/");

    [Fact]
    public void A_comment_is_no_wider_than_one_can_read() =>
        (from path in s_codeFolders.Except(["samples"]).SelectMany(SourcesIn)
         from line in File.ReadLines(Repository.PathOf(path))
         where line.Length > CommentColumnsMax && line.TrimStart().StartsWith("//", StringComparison.Ordinal)
         select $"{path}: {line.Trim()}").Should().BeEmpty();

    private static int LinesOf(string path) => File.ReadLines(Repository.PathOf(path)).Count();

    private static IEnumerable<string> SourcesIn(string folder) =>
        from path in Directory.EnumerateFiles(Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories)
        let relative = Path.GetRelativePath(Repository.Root, path).Replace('\\', '/')
        where !relative.Split('/').Any(part => part is "bin" or "obj")
        select relative;
}
