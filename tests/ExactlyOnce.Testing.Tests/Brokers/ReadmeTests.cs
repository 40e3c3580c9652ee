namespace ExactlyOnce.Testing.Tests.Brokers;

/// <summary>The first snippet of the package's README.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public async Task The_README_shows_what_works()
    {
        // snippet: TestBroker
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.BeforeCommit).CrashOnce();              // the process dies in front of its first commit, and starts again

        await test.Broker.PublishAsync(Topics.Orders, "customer-7", new Order("o-1", 12.50m));
        test.Run(Billing.CreatePipeline);                                 // runs in the process, and anew after each crash
        await test.RunUntilIdleAsync();                                   // a fact of the log, never a timer

        Assert.Single(test.Committed(Topics.Invoices));                   // one order, one invoice
        test.VerifyInvariants();                                          // nothing lost, doubled, invented or torn
        // end

        test.Crashes.Should().Be(1);
    }

    private sealed record Order(string Id, decimal Total);

    private sealed record Invoice(string OrderId, decimal Total);

    private static class Topics
    {
        public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json<Order>());
        public static readonly Topic<string, Invoice> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Json<Invoice>());
    }

    private static class Billing
    {
        public static Pipeline CreatePipeline(Broker broker) => broker.CreatePipeline("billing").Read(Topics.Orders)
            .To(Topics.Invoices, order => (order.Key, new Invoice(order.Value.Id, order.Value.Total)));
    }
}
