using System.Text.RegularExpressions;
using ExactlyOnce.Tests.Architecture;

namespace ExactlyOnce.Tests.Readme;

public sealed class ReadmeTests
{
    [Fact]
    public void Every_csharp_snippet_of_the_README_is_the_code_that_these_tests_run()
    {
        var readme = File.ReadAllText(Repository.PathOf("README.md")).ReplaceLineEndings("\n");
        var source = File.ReadAllText(Repository.PathOf("tests/ExactlyOnce.Tests/Readme/ReadmeSnippets.cs")).ReplaceLineEndings("\n");

        var shown = Regex.Matches(readme, "<!-- snippet: (\\w+) -->\n```csharp\n(.*?)\n```", RegexOptions.Singleline)
            .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
        var compiled = Regex.Matches(source, "^ *// snippet: (\\w+)\n(.*?)\n *// end$", RegexOptions.Singleline | RegexOptions.Multiline)
            .ToDictionary(match => match.Groups[1].Value, match => Unindent(match.Groups[2].Value));

        shown.Should().BeEquivalentTo(compiled);
        Regex.Count(readme, "```csharp").Should().Be(shown.Count, "a snippet without a name is compiled by nobody");
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("src/ExactlyOnce/README.md")]
    [InlineData("src/ExactlyOnce/GUARANTEES.md")]
    [InlineData("src/ExactlyOnce/Engine/FORMAT.md")]
    public void Every_file_that_a_page_links_to_exists(string page)
    {
        var folder = Path.GetDirectoryName(Repository.PathOf(page))!;

        Regex.Matches(File.ReadAllText(Repository.PathOf(page)), @"\]\((?!https?:)([^)#]+)").Select(match => match.Groups[1].Value)
            .Where(link => !Path.Exists(Path.Combine(folder, link))).Should().BeEmpty();
    }

    [Fact]
    public async Task The_event_bus_prints_what_was_published()
    {
        var console = Console.Out;
        using var written = new StringWriter();
        Console.SetOut(written);
        try
        {
            await ReadmeSnippets.EventBusAsync();
        }
        finally
        {
            Console.SetOut(console);
        }

        written.ToString().Should().Contain("hello, world");
    }

    [Fact]
    public async Task The_durable_broker_keeps_its_records()
    {
        var folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var at = await ReadmeSnippets.DurableAsync(folder);

            at.Offset.Should().Be(0);
            await using var again = await Broker.OpenAsync(folder);
            (await Read.AllAsync(again, Topics.Orders)).Should().HaveCount(101);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task The_transaction_writes_both_topics_and_the_pipeline_bills_each_order_once()
    {
        await using var broker = Broker.CreateInMemory();

        await ReadmeSnippets.ImportAsync(broker, [(1, new Order("a", 1)), (2, new Order("b", 2))]);
        await ReadmeSnippets.ImportAsync(broker, [(1, new Order("a", 1)), (2, new Order("b", 2)), (3, new Order("c", 3))]);
        await ReadmeSnippets.PipelineAsync(broker);
        await ReadmeSnippets.PipelineAsync(broker);
        await ReadmeSnippets.TransactionAsync(broker);

        (await Read.AllAsync(broker, Topics.Orders)).Select(order => order.Value!.Id).Should().BeEquivalentTo("a", "b", "c", "o-1");
        (await Read.AllAsync(broker, Topics.Invoices)).Select(invoice => invoice.Value!.OrderId).Should().BeEquivalentTo("a", "b", "c", "o-1");
    }

    private static string Unindent(string text)
    {
        var lines = text.Split('\n');
        var indent = lines.Where(line => line.Trim().Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length >= indent ? line[indent..] : line.Trim()));
    }
}
