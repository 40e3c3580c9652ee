namespace ExactlyOnce.Testing.Tests.Brokers;

/// <summary>The application under test: orders become invoices.</summary>
internal static class Shop
{
    public static readonly Topic<string, long> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Int64);
    public static readonly Topic<string, long> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Int64);

    public static Pipeline CreateBilling(Broker broker) => broker.CreatePipeline("billing")
        .Read(Orders)
        .WithBatch(maxRecords: 5)
        .Process(async (orders, output, cancellationToken) =>
        {
            foreach (var order in orders)
                await output.SendAsync(Invoices, order.Key, order.Value * 10, cancellationToken);
        });

    public static async Task OrderAsync(TestBroker test, int count)
    {
        for (var order = 1; order <= count; order++)
            await test.Broker.PublishAsync(Orders, $"customer-{order % 7}", order);
    }

    public static IEnumerable<long> Billed(TestBroker test) => test.Committed(Invoices).Select(invoice => invoice.Value / 10);

    /// <summary>Every order has one invoice, and the log keeps its promises.</summary>
    public static void ShouldBeBilledOnce(TestBroker test, int count)
    {
        Billed(test).Should().BeEquivalentTo(Enumerable.Range(1, count).Select(order => (long)order));
        test.Faults.Pending.Should().BeEmpty("a fault that never struck has tested nothing");
        test.VerifyInvariants();
    }
}
