using System.Diagnostics;
using System.Globalization;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// What a broker costs that does nothing: in a process of its own, 1,000 partitions on disk and 1,000 consumers, one for each, that have read a record and wait for the next.
/// Counted is what they add to a broker with one of each.
/// </summary>
internal static class IdleRow
{
    private const int Many = 1_000;

    /// <summary>Processor time of a sleeping process below this is not measurable: its own runtime does as much.</summary>
    private const double NotMeasurablePercent = 1;

    // What starting took (code compiled anew in the background, garbage) is not what being there takes.
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(1);

    public static Row Row { get; } = new("idle", "1,000 idle partitions, 1,000 idle consumers, durable: what they add to one of each")
    {
        OpenAsync = scale => Task.FromResult(new Contest(new Contestant("ExactlyOnce", _ => MeasureAsync(scale.Duration(20, 4))))),
        Bars = [Bar.AtMost(Quantity.Threads, 0), Bar.AtMost(Quantity.Memory, 64), Bar.AtMost(Quantity.Processor, NotMeasurablePercent)],
        IsWarmed = false,
        RoundsMax = 2,
        Note = "Not measurable: below 1 % of a core, the runtime's own timers included",
    };

    private static async Task<Figure[]> MeasureAsync(TimeSpan duration)
    {
        using var child = ChildProcess.Start(ChildProcess.Idling, duration.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        var figures = (await child.StandardOutput.ReadToEndAsync()).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        await child.WaitForExitAsync();
        Verify.Equal(3, figures.Length, "figures came from the idle process");
        var values = Array.ConvertAll(figures, figure => double.Parse(figure, CultureInfo.InvariantCulture));
        return [new Figure(Quantity.Threads, values[0]), new Figure(Quantity.Memory, values[1]), new Figure(Quantity.Processor, values[2])];
    }

    /// <summary>In the child: prints threads, MiB and percent of a core.</summary>
    public static async Task IdleAsync(TimeSpan duration)
    {
        using var folder = new TemporaryFolder();
        await using var broker = await Broker.OpenAsync(folder.Path);
        await using (await Crowd.StartAsync(broker, "one", 1))
        {
            var (threads, bytes) = Measure();
            await using var crowd = await Crowd.StartAsync(broker, "many", Many);
            var (threadsThen, bytesThen) = Measure();
            Thread.Sleep(s_settling);
            var processor = Environment.CpuUsage.TotalTime;
            Thread.Sleep(duration);
            var share = (Environment.CpuUsage.TotalTime - processor) / duration * 100;
            await crowd.VerifyAwakeAsync();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threadsThen - threads} {(bytesThen - bytes) / (double)(1 << 20)} {share}"));
        }
    }

    private static (int Threads, long Bytes) Measure()
    {
        Thread.Sleep(s_settling);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = Process.GetCurrentProcess();
        return (process.Threads.Count, process.WorkingSet64);
    }

    /// <summary>As many consumers as partitions; each has read one record of its partition and waits.</summary>
    private sealed class Crowd(Broker broker, Topic<NoKey, int> topic, int size) : IAsyncDisposable
    {
        private readonly List<Consumer<NoKey, int>> _consumers = [];
        private readonly List<Task> _loops = [];
        private int _read;

        public static async Task<Crowd> StartAsync(Broker broker, string name, int size)
        {
            await broker.Admin.CreateTopicAsync(name, topic => topic.Partitions = size);
            var crowd = new Crowd(broker, Topic.Create(name, Payload.Serde), size);
            for (var i = 0; i < size; i++)
                crowd.Add(i);
            await crowd.SendToAllAsync(expected: size);
            return crowd;
        }

        public Task VerifyAwakeAsync() => SendToAllAsync(expected: 2 * size);

        private void Add(int partition)
        {
            var consumer = broker.CreateConsumer(topic).WithPartitions(partition).StartFrom(StartFrom.Earliest).Build();
            _consumers.Add(consumer);
            _loops.Add(ReadAsync(consumer));
        }

        private async Task ReadAsync(Consumer<NoKey, int> consumer)
        {
            await foreach (var batch in consumer.ReadBatchesAsync())
                Interlocked.Add(ref _read, batch.Count);
        }

        private async Task SendToAllAsync(int expected)
        {
            await using var producer = broker.CreateProducer(topic).Build();
            for (var i = 0; i < size; i++)
                await producer.PostAsync(new ProducerRecord<NoKey, int>(default, Payload.Bytes) { Partition = i });
            await producer.FlushAsync();
            var clock = Stopwatch.StartNew();
            while (Volatile.Read(ref _read) < expected && clock.Elapsed < TimeSpan.FromSeconds(30))
                await Task.Delay(10);
            Verify.Equal(expected, Volatile.Read(ref _read), "records were read");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var consumer in _consumers)
                await consumer.DisposeAsync();
            await Task.WhenAll(_loops);
        }
    }
}
