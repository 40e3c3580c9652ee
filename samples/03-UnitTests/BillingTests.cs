// The problem: tests of code over a broker need Docker, wait on timers and flake; and crashes, lost acknowledgements and zombies are never tested at all.
// Here: every test has a broker of its own in microseconds, waits for a fact instead of a timer, and makes things go wrong where it wants them to.
// Run it: dotnet test samples/03-UnitTests
using ExactlyOnce.Testing;

namespace UnitTests;

public sealed class BillingTests
{
    [Fact]
    public async Task An_order_is_billed()
    {
        await using var test = TestBroker.Create();

        await test.Broker.PublishAsync(Topics.Orders, "customer-7", new Order("o-1", 12.50m));
        test.Run(Billing.CreatePipeline);
        await test.RunUntilIdleAsync();

        Assert.Equal(new Invoice("o-1", 15m), Assert.Single(test.Committed(Topics.Invoices)).Value);
    }

    [Theory]
    [InlineData(FaultPoint.BeforeHandler)]
    [InlineData(FaultPoint.AfterHandler)]
    [InlineData(FaultPoint.BeforeCommit)]
    [InlineData(FaultPoint.AfterCommit)]
    public async Task No_crash_bills_an_order_twice_or_never(FaultPoint where)
    {
        await using var test = TestBroker.Create();
        for (var order = 0; order < 100; order++)
            await test.Broker.PublishAsync(Topics.Orders, $"customer-{order % 7}", new Order($"o-{order}", order));
        test.Faults.At(where).CrashOnce();

        test.Run(Billing.CreatePipeline);
        await test.RunUntilIdleAsync();

        AssertBilledOnce(test, 100);
        Assert.Equal(1, test.Crashes);
    }

    [Fact]
    public async Task Nor_does_a_lost_acknowledgement_a_zombie_or_a_timeout()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.AfterCommit).LoseAcknowledgementOnce();
        test.Faults.At(FaultPoint.BeforeCommit).Skip(1).FenceMeOnce();
        test.Faults.At(FaultPoint.BeforeCommit).Skip(2).TimeOutMyTransactionOnce();
        test.Run(Billing.CreatePipeline);
        for (var order = 0; order < 10; order++)
        {
            await test.Broker.PublishAsync(Topics.Orders, "customer-7", new Order($"o-{order}", order));
            await test.RunUntilIdleAsync();
        }

        AssertBilledOnce(test, 10);
    }

    [Fact]
    public async Task An_outage_that_is_waited_out_takes_no_time()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.BeforeHandler).Throw(new IOException("the tax office does not answer"), times: 4);
        await test.Broker.PublishAsync(Topics.Orders, "customer-7", new Order("o-0", 1m));
        test.Run(Billing.CreatePipeline);
        await test.RunUntilIdleAsync();

        AssertBilledOnce(test, 1);
    }

    private static void AssertBilledOnce(TestBroker test, int orders)
    {
        var billed = test.Committed(Topics.Invoices).Select(invoice => invoice.Value.OrderId).Order();
        Assert.Equal(Enumerable.Range(0, orders).Select(order => $"o-{order}").Order(), billed);
        Assert.Empty(test.Faults.Pending);
        test.VerifyInvariants();
    }
}
