using System.Runtime.CompilerServices;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

public sealed class ReadmeTests
{
    private const string Begin = "<!-- apis -->\n";
    private const string End = "<!-- /apis -->";

    [Fact]
    public void The_table_of_APIs_is_the_registry()
    {
        var path = PathOfReadme();
        var text = File.ReadAllText(path);
        var begin = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var expected = text[..begin] + ApiTable.ToMarkdown() + text[text.IndexOf(End, StringComparison.Ordinal)..];
        if (Environment.GetEnvironmentVariable("UPDATE_README") == "1")
            File.WriteAllText(path, expected);

        File.ReadAllText(path).Should().Be(expected, "the table is made from ApiRegistry: run this test once with UPDATE_README=1");
    }

    [Fact]
    public void The_registry_is_in_order_and_names_no_API_twice() =>
        ApiRegistry.All.Select(api => api.Key).Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();

    private static string PathOfReadme([CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "../../../src/ExactlyOnce.Kafka.Endpoint/README.md");
}
