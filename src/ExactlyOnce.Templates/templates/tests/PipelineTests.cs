using ExactlyOnce;
using ExactlyOnce.Testing;
using Xunit;

namespace Billing.Tests;

public sealed class PipelineTests
{
    private static readonly Topic<string, int> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Int32);
    private static readonly Topic<string, int> s_invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Int32);

    [Theory]
    [InlineData(FaultPoint.BeforeHandler)]
    [InlineData(FaultPoint.AfterHandler)]
    [InlineData(FaultPoint.BeforeCommit)]
    [InlineData(FaultPoint.AfterCommit)]
    public async Task No_crash_bills_twice(FaultPoint where)
    {
        await using var test = TestBroker.Create();
        test.Faults.At(where).CrashOnce();
        for (var order = 1; order <= 10; order++)
            await test.Broker.PublishAsync(s_orders, $"customer-{order % 3}", order);

        test.Run(CreatePipeline); // replace it by your own: Func<Broker, Pipeline>
        await test.RunUntilIdleAsync();

        Assert.Equal(Enumerable.Range(1, 10), test.Committed(s_invoices).Select(invoice => invoice.Value).Order());
        Assert.Empty(test.Faults.Pending);
        test.VerifyInvariants();
    }

    private static Pipeline CreatePipeline(Broker broker) =>
        broker.CreatePipeline("billing").Read(s_orders).To(s_invoices, order => (order.Key, order.Value));
}
