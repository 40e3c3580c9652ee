using System.Diagnostics;

namespace ExactlyOnce.Benchmarks;

/// <summary>
/// Where the nanoseconds of one awaited send go: the send beside the things it is made of, each in a loop of its own. Processor time beside elapsed time,
/// because on a machine that others use only the former says what the code costs. The least of several rounds: whatever disturbs a round only makes it longer.
/// </summary>
internal static class SendCost
{
    private const int Rounds = 12;
    private const int RecordsPerBatch = 500;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("figures", Payload.Serde);

    public static async Task<int> RunAsync(int count)
    {
        Console.WriteLine($"{"",-44} {"ns elapsed",12} {"ns processor",14} {"B allocated",12}");
        MeasureParts(count);
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 8 << 20);
        await using var producer = broker.CreateProducer(s_topic).Build();
        await producer.SendAsync(default, Payload.Bytes);
        Measure("one awaited SendAsync, 100 B", count, () =>
        {
            // Answered at once in memory: what an await would do with a completed task, on this thread for certain.
            for (var i = 0; i < count; i++)
                producer.SendAsync(default, Payload.Bytes).GetAwaiter().GetResult();
        });
        await MeasureHandOverAsync(broker, count / RecordsPerBatch);
        return 0;
    }

    /// <summary>A consumer waits, a batch is posted, the consumer gets it: what that leaves to the garbage collector on all threads together.</summary>
    private static async Task MeasureHandOverAsync(Broker broker, int rounds)
    {
        await broker.Admin.CreateTopicAsync("handed", topic => topic.RetainBytes = 2 << 20);
        var handed = Topic.Create("handed", Payload.Serde);
        await using var producer = broker.CreateProducer(handed).WithLinger(TimeSpan.FromMilliseconds(1)).WithBatchSize(1 << 20).Build();
        await using var consumer = broker.CreateConsumer(handed).StartFrom(StartFrom.Earliest).Build();
        await using var batches = consumer.ReadBatchesAsync().GetAsyncEnumerator();
        await producer.SendAsync(default, Payload.Bytes);
        await batches.MoveNextAsync();
        var (before, clock) = (0L, 0L);
        for (var round = -rounds; round < rounds; round++)
        {
            if (round == 0)
                (before, clock) = (GC.GetTotalAllocatedBytes(precise: true), Stopwatch.GetTimestamp());
            var next = batches.MoveNextAsync();
            for (var i = 0; i < RecordsPerBatch; i++)
                await producer.PostAsync(default, Payload.Bytes);
            await producer.FlushAsync();
            await next;
        }
        var bytes = GC.GetTotalAllocatedBytes(precise: true) - before;
        var elapsed = Stopwatch.GetElapsedTime(clock).TotalNanoseconds;
        Console.WriteLine($"{$"{RecordsPerBatch} records posted, waited for, read",-44} {elapsed / rounds,12:N1} {"",14} {(double)bytes / rounds,12:N2}");
    }

    private static void MeasureParts(int count)
    {
        var writer = new Kernel.Records.BatchWriter();
        var value = new byte[Payload.Bytes];
        Measure("encode and seal a batch of one, CRC included", count, () =>
        {
            for (var i = 0; i < count; i++)
            {
                writer.Reset();
                writer.TryAppend(1_700_000_000_000, default, false, value, true, null, int.MaxValue);
                writer.Seal(new Kernel.Primitives.ProducerIdentity(1, 0), i, Kernel.Records.BatchAttributes.None, null);
            }
        });
        var gate = new Lock();
        var sum = 0L;
        Measure("an uncontended lock", count, () =>
        {
            for (var i = 0; i < count; i++)
                lock (gate)
                    sum++;
        });
        Measure("an interlocked step", count, () =>
        {
            for (var i = 0; i < count; i++)
                Interlocked.Increment(ref sum);
        });
        Measure("a full fence", count, () =>
        {
            for (var i = 0; i < count; i++)
                Interlocked.MemoryBarrier();
        });
        Measure("TimeProvider.GetUtcNow", count, () =>
        {
            for (var i = 0; i < count; i++)
                sum += TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        });
        Measure("TimeProvider.GetTimestamp", count, () =>
        {
            for (var i = 0; i < count; i++)
                sum += TimeProvider.System.GetTimestamp();
        });
    }

    private static void Measure(string what, int count, Action work)
    {
        var elapsed = double.MaxValue;
        var processor = double.MaxValue;
        var bytes = 0L;
        for (var round = 0; round < Rounds; round++)
        {
            var cpu = Environment.CpuUsage.TotalTime;
            var clock = Stopwatch.GetTimestamp();
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            elapsed = Math.Min(elapsed, Stopwatch.GetElapsedTime(clock).TotalNanoseconds / count);
            processor = Math.Min(processor, (Environment.CpuUsage.TotalTime - cpu).TotalNanoseconds / count);
        }
        Console.WriteLine($"{what,-44} {elapsed,12:N1} {processor,14:N1} {(double)bytes / count,12:N2}");
    }
}
