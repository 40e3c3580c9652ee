using System.Diagnostics;

namespace ExactlyOnce.Testing.Tests.Brokers;

public sealed class ManyBrokersTests
{
    [Fact]
    public async Task A_thousand_tests_run_at_once()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 1_000), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (number, cancellationToken) =>
        {
            await using var test = TestBroker.Create(options => options.Seed = number);
            test.Faults.At(FaultPoint.BeforeCommit).CrashOnce();
            test.Run(Shop.CreateBilling);
            await Shop.OrderAsync(test, 3);
            await test.RunUntilIdleAsync(cancellationToken);
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
        }
    }

    [Fact]
    public async Task A_fresh_broker_costs_less_than_a_hundred_microseconds()
    {
        // The best of many: whatever else the machine does only makes it longer. What is measured is a debug build, too.
        var best = TimeSpan.MaxValue;
        for (var round = 0; round < 2_000; round++)
        {
            var begin = Stopwatch.GetTimestamp();
            await using (TestBroker.Create())
            {
            }
            best = TimeSpan.FromTicks(Math.Min(best.Ticks, Stopwatch.GetElapsedTime(begin).Ticks));
        }

        best.Should().BeLessThan(TimeSpan.FromMicroseconds(100));
    }

    [Fact]
    public void The_package_knows_no_test_framework() =>
        typeof(TestBroker).Assembly.GetReferencedAssemblies().Select(assembly => assembly.Name!)
            .Should().OnlyContain(name => name == "ExactlyOnce" || name.StartsWith("System.", StringComparison.Ordinal) || name.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal));

    [Fact]
    public async Task An_idle_broker_in_memory_has_no_thread_of_its_own()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.PublishAsync(Shop.Orders, "a", 1);
        var threads = Process.GetCurrentProcess().Threads.Count;
        var brokers = Enumerable.Range(0, 200).Select(_ => Broker.CreateInMemory()).ToList();

        // Others come and go while the tests run; two hundred would be ours.
        Process.GetCurrentProcess().Threads.Count.Should().BeLessThan(threads + 100);
        foreach (var each in brokers)
            await each.DisposeAsync();
    }
}
