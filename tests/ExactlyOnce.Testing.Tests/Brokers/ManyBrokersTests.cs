namespace ExactlyOnce.Testing.Tests.Brokers;

public sealed class ManyBrokersTests
{
    [Fact]
    public async Task A_thousand_tests_run_at_once()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 1_000), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (number, _) =>
        {
            await using var test = TestBroker.Create(options => options.Seed = number);
            test.Faults.At(FaultPoint.BeforeCommit).CrashOnce();
            test.Run(Shop.CreateBilling);
            await Shop.OrderAsync(test, 3);
            await test.RunUntilIdleAsync();
            Shop.ShouldBeBilledOnce(test, 3);
        });
    }

    [Fact]
    public async Task A_thousand_brokers_are_open_at_once()
    {
        var brokers = Enumerable.Range(0, 1_000).Select(_ => TestBroker.Create()).ToList();
        foreach (var test in brokers)
            await test.Broker.PublishAsync(Shop.Orders, "a", 1);

        brokers.Should().OnlyContain(test => test.Committed(Shop.Orders).Count == 1);
        foreach (var test in brokers)
            await test.DisposeAsync();
    }

    [Fact]
    public async Task A_fresh_broker_costs_less_than_fifty_kilobytes()
    {
        await UseAsync();
        var before = GC.GetAllocatedBytesForCurrentThread();
        await UseAsync();
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;

        bytes.Should().BeLessThan(50 * 1024);

        // All of it on this thread: nothing in here waits.
        static async Task UseAsync()
        {
            await using var test = TestBroker.Create();
            await test.Broker.PublishAsync(Shop.Orders, "a", 1);
            test.Committed(Shop.Orders).Should().ContainSingle();
        }
    }
}
