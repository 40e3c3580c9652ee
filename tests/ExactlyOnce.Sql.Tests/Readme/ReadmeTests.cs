using System.Text.RegularExpressions;
using ExactlyOnce.Sql.Tests.Databases;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.Sql.Tests.Readme;

public sealed class ReadmeTests
{
    private static readonly string[] s_pages = ["src/ExactlyOnce.Sql/README.md", "src/ExactlyOnce.EntityFrameworkCore/README.md"];
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(60);

    [Fact]
    public void Every_csharp_snippet_of_the_READMEs_is_the_code_that_these_tests_run()
    {
        var readmes = string.Concat(s_pages.Select(page => File.ReadAllText(PathOf(page)).ReplaceLineEndings("\n")));
        var source = File.ReadAllText(PathOf("tests/ExactlyOnce.Sql.Tests/Readme/ReadmeSnippets.cs")).ReplaceLineEndings("\n");

        var shown = Regex.Matches(readmes, "<!-- snippet: (\\w+) -->\n```csharp\n(.*?)\n```", RegexOptions.Singleline)
            .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
        var compiled = Regex.Matches(source, "^ *// snippet: (\\w+)\n(.*?)\n *// end$", RegexOptions.Singleline | RegexOptions.Multiline)
            .ToDictionary(match => match.Groups[1].Value, match => Unindent(match.Groups[2].Value));

        shown.Should().BeEquivalentTo(compiled);
        Regex.Count(readmes, "```csharp").Should().Be(shown.Count, "a snippet without a name is compiled by nobody");
    }

    [Fact]
    public void Every_file_that_a_page_links_to_exists()
    {
        foreach (var page in s_pages)
            Regex.Matches(File.ReadAllText(PathOf(page)), @"\]\((?!https?:)([^)#]+)").Select(match => match.Groups[1].Value)
                .Where(link => !Path.Exists(Path.Combine(Path.GetDirectoryName(PathOf(page))!, link))).Should().BeEmpty();
    }

    [Fact]
    public async Task What_the_outbox_publishes_ends_in_the_ledger_once()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await database.ExecuteAsync("CREATE TABLE ledger (customer TEXT NOT NULL, amount INTEGER NOT NULL)");
        await using var broker = Broker.CreateInMemory();
        using var ending = new CancellationTokenSource(s_soon);
        var running = Task.WhenAll(
            ReadmeSnippets.OutboxAsync(broker, database.Source, Topic.Create("invoices", Serdes.Utf8, Serdes.Int64), ending.Token),
            ReadmeSnippets.SinkAsync(broker, database.Source, ending.Token));

        await EventuallyAsync(async () => (await database.QueryAsync<long>("SELECT count(*) FROM ledger")).Single() > 0, ending.Token);
        await ending.CancelAsync();
        await running;

        (await database.QueryAsync<string>("SELECT customer || ' ' || amount FROM ledger")).Should().Equal("customer-7 1250");
    }

    [Fact]
    public async Task What_the_context_publishes_ends_in_the_shop_once()
    {
        await using var publishing = await TestDatabase.CreateEmptyAsync(DatabaseKind.Sqlite);
        await using var taking = await TestDatabase.CreateEmptyAsync(DatabaseKind.Sqlite);
        var (from, to) = (new ShopContexts(publishing.ConnectionString), new ShopContexts(taking.ConnectionString));
        await using var shop = from.CreateDbContext();
        await shop.Database.EnsureCreatedAsync();
        await using (var target = to.CreateDbContext())
            await target.Database.EnsureCreatedAsync();
        await using var broker = Broker.CreateInMemory();
        using var ending = new CancellationTokenSource(s_soon);
        var running = Task.WhenAll(
            ReadmeSnippets.ContextOutboxAsync(broker, from, shop, new Order("o-1", "customer-7"), ending.Token),
            ReadmeSnippets.ContextSinkAsync(broker, to, ending.Token));

        await EventuallyAsync(async () => (await taking.QueryAsync<long>("SELECT count(*) FROM \"Orders\"")).Single() > 0, ending.Token);
        await ending.CancelAsync();
        await running;

        (await taking.QueryAsync<string>("SELECT \"Id\" FROM \"Orders\"")).Should().Equal("o-1");
    }

    private static string Unindent(string code)
    {
        var lines = code.Split('\n');
        var indent = lines.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : line.TrimStart()));
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        while (!await condition())
            await Task.Delay(5, cancellationToken);
    }

    private static string PathOf(string path)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ExactlyOnce.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("The repository was not found above the tests.");
        return Path.Combine(folder.FullName, path);
    }

    private sealed class ShopContexts(string connectionString) : IDbContextFactory<ShopContext>
    {
        private readonly DbContextOptions<ShopContext> _options = new DbContextOptionsBuilder<ShopContext>().UseSqlite(connectionString).Options;

        public ShopContext CreateDbContext() => new(_options);
    }
}
