using System.Diagnostics;
using ExactlyOnce.Benchmarks.Comparing;

namespace ExactlyOnce.Benchmarks.Bus;

/// <summary>The event bus of an application: one publisher, one handler, in one process, nothing on disk.</summary>
internal static class BusRows
{
    private const string Json = "ExactlyOnce, JSON";
    private const string Reference = "ExactlyOnce, Serdes.Reference";
    private const string MassTransit = "MassTransit";
    private const string Wolverine = "Wolverine";
    private const string Channel = "Channel";

    /// <summary>Nobody may be further ahead of his handler: else who handles slowly is measured by the garbage collector.</summary>
    private const int AheadMax = 20_000;

    public static IReadOnlyList<Row> List { get; } =
    [
        new("event-bus", "Publish a small object to one handler in the same process, memory, one publisher")
        {
            OpenAsync = OpenAsync,
            Bars =
            [
                Bar.Times(Quantity.Records, 20, MassTransit, Json),
                Bar.Times(Quantity.Records, 1.5, Wolverine, Json),
                Bar.Times(Quantity.Records, 5, Wolverine, Reference),
                Bar.Times(Quantity.Records, 0.5, Channel, Reference),
            ],
        },
    ];

    private static async Task<Contest> OpenAsync(Scale scale)
    {
        var (json, references, channel) = (TopicBus.OfJson(), TopicBus.OfReferences(), new ChannelBus());
        var (massTransit, wolverine) = (await MassTransitBus.StartAsync(), await WolverineBus.StartAsync());
        return new Contest(
            Of(Json, json, scale.Count(full: 2_000_000, quick: 500_000)),
            Of(Reference, references, scale.Count(full: 5_000_000, quick: 1_000_000)),
            Of(MassTransit, massTransit, scale.Count(full: 100_000, quick: 30_000), "no log, nothing is kept or read twice; no dedupe, no transactions: a handler that crashes loses its messages"),
            Of(Wolverine, wolverine, scale.Count(full: 500_000, quick: 100_000), "the same, as long as its queue is not made durable"),
            Of(Channel, channel, scale.Count(full: 5_000_000, quick: 1_000_000), "no log, no second handler, no retries"))
            .Holding(json, references, channel, massTransit, wolverine);
    }

    private static Contestant Of(string name, IOrderBus bus, int orders, string lacks = "") => new(name, share => MeasureAsync(bus, (int)(orders * share)), lacks);

    private static async Task<Figure[]> MeasureAsync(IOrderBus bus, int orders)
    {
        var handled = bus.Counter.Expect(orders);
        var allocated = GC.GetTotalAllocatedBytes();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < orders; i++)
        {
            await bus.PublishAsync(new OrderPlaced(i, "customer-17", 99.5m));
            if (i % 1_000 == 0)
                while (i - bus.Counter.Count > AheadMax)
                    await Task.Yield();
        }
        await bus.FlushAsync();
        await handled.WaitAsync(TimeSpan.FromMinutes(2));
        var seconds = clock.Elapsed.TotalSeconds;
        bus.Counter.Verify(orders);
        return [new Figure(Quantity.Records, orders / seconds), new Figure(Quantity.Allocated, (GC.GetTotalAllocatedBytes() - allocated) / (double)orders)];
    }
}
