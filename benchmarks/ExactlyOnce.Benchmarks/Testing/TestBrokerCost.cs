using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Testing;

namespace ExactlyOnce.Benchmarks.Testing;

/// <summary>What a broker of its own costs a test: opening and closing it, with what a small test does in between, and many of them at once.</summary>
internal static class TestBrokerCost
{
    private const int Groups = 50;

    private static readonly Topic<string, long> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Int64);
    private static readonly Topic<string, long> s_invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Int64);

    public static async Task<int> RunAsync(int rounds)
    {
        Console.WriteLine("| a test that | µs | KiB |");
        Console.WriteLine("|---|---:|---:|");
        await MeasureAsync("opens a test broker and closes it", rounds, OpenAsync);
        await MeasureAsync("… and publishes a record and looks at it", rounds, PublishAsync);
        await MeasureAsync("… and runs a pipeline over it until idle", rounds, RunPipelineAsync);
        await MeasureAsync("… and crashes it in front of the commit", rounds, CrashAsync);
        await MeasureAsync("opens Broker.CreateInMemory and closes it", rounds / 10, OpenPlainAsync);
        await RunAtOnceAsync(1_000);
        return 0;
    }

    private static async Task OpenAsync()
    {
        await using var test = TestBroker.Create();
    }

    private static async Task PublishAsync()
    {
        await using var test = TestBroker.Create();
        await test.Broker.PublishAsync(s_orders, "customer-7", 1);
        Require(test.Committed(s_orders).Count, 1);
    }

    private static async Task RunPipelineAsync()
    {
        await using var test = TestBroker.Create();
        await BillAsync(test);
    }

    private static async Task CrashAsync()
    {
        await using var test = TestBroker.Create();
        test.Faults.At(FaultPoint.BeforeCommit).CrashOnce();
        await BillAsync(test);
        Require(test.Crashes, 1);
    }

    private static async Task OpenPlainAsync()
    {
        await using var broker = Broker.CreateInMemory();
    }

    private static async Task BillAsync(TestBroker test)
    {
        await test.Broker.PublishAsync(s_orders, "customer-7", 1);
        test.Run(static broker => broker.CreatePipeline("billing").Read(s_orders).To(s_invoices, static order => (order.Key, order.Value * 10)));
        await test.RunUntilIdleAsync();
        Require(test.Committed(s_invoices).Count, 1);
    }

    // The least of the groups: whatever else the machine does only makes one longer.
    private static async Task MeasureAsync(string what, int rounds, Func<Task> work)
    {
        var (perGroup, least) = (rounds / Groups, double.MaxValue);
        for (var round = 0; round < rounds; round++)
            await work();
        var bytes = GC.GetTotalAllocatedBytes(precise: true);
        for (var group = 0; group < Groups; group++)
        {
            var begin = Stopwatch.GetTimestamp();
            for (var round = 0; round < perGroup; round++)
                await work();
            least = Math.Min(least, Stopwatch.GetElapsedTime(begin).TotalMicroseconds / perGroup);
        }
        bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {least:F1} | {bytes / 1024.0 / (perGroup * Groups):F1} |"));
    }

    private static async Task RunAtOnceAsync(int count)
    {
        var begin = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = count }, async (_, _) => await CrashAsync());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{count} such tests at once: {Stopwatch.GetElapsedTime(begin).TotalMilliseconds:F0} ms"));
    }

    private static void Require(int actual, int expected)
    {
        if (actual != expected)
            throw new InvalidOperationException($"Expected {expected}, found {actual}: the figure would be worth nothing.");
    }
}
