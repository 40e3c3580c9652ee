namespace ExactlyOnce.Tests.Readme;

/// <summary>The README's snippets do what it says of them; that they are the same to the letter, <see cref="PageTests"/> sees.</summary>
public sealed class ReadmeTests
{
    public static TheoryData<Func<Task>> EventBuses => [ReadmeSnippets.EventBusAsync, ReadmeSnippets.GreetingsAsync];

    [Theory, MemberData(nameof(EventBuses), DisableDiscoveryEnumeration = true)]
    public async Task The_event_bus_prints_what_was_published(Func<Task> eventBus)
    {
        var console = Console.Out;
        using var written = new StringWriter();
        Console.SetOut(written);
        try
        {
            await eventBus();
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
}
