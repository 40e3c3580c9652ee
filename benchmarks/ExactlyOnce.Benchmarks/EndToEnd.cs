using System.Diagnostics;

namespace ExactlyOnce.Benchmarks;

/// <summary>In memory, 100-byte values, one producer and one consumer on two threads, posts batched by linger; read in batches.</summary>
internal static class EndToEnd
{
    private const long AheadMax = 150_000;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("figures", Payload.Serde);

    public static async Task<IReadOnlyList<Row>> RunAsync(int records)
    {
        var rates = new List<double>();
        var writeBytes = new List<double>();
        var readBytes = new List<double>();
        for (var run = 0; run < 4; run++)
        {
            var (rate, written, read) = await Task.Run(() => MeasureAsync(records));
            if (run == 0)
                continue;
            rates.Add(rate);
            writeBytes.Add(written);
            readBytes.Add(read);
        }
        var median = Row.Median(rates);
        return
        [
            new Row("memory, 1 producer + 1 consumer, 100 B, batched", "≥ 5 M records/s", $"{Row.Number(median / 1e6)} M records/s", median >= 5e6),
            new Row("  allocated on the write path", "≤ 8 B a record", $"{Row.Number(Row.Median(writeBytes))} B a record", Row.Median(writeBytes) <= 8),
            new Row("  allocated on the batch read path", "0 B a record", $"{Row.Number(Row.Median(readBytes))} B a record", Row.Median(readBytes) < 0.05),
        ];
    }

    private static async Task<(double Rate, double WriteBytes, double ReadBytes)> MeasureAsync(int records)
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 32 << 20);
        var consumed = 0L;
        var clock = Stopwatch.StartNew();
        var producing = OnOwnThread(() => ProduceAsync(broker, records, () => Volatile.Read(ref consumed)));
        var consuming = OnOwnThread(() => ConsumeAsync(broker, records, count => Volatile.Write(ref consumed, count)));
        var written = await producing;
        var read = await consuming;
        return (records / clock.Elapsed.TotalSeconds, (double)written / records, (double)read / records);
    }

    /// <summary>Retention waits for no consumer, so the producer does not run further ahead than retention keeps.</summary>
    private static async Task<long> ProduceAsync(Broker broker, int records, Func<long> consumed)
    {
        await using var producer = broker.CreateProducer(s_topic).WithLinger(TimeSpan.FromMilliseconds(1)).WithBatchSize(64 * 1024).Build();
        await producer.SendAsync(default, Payload.Bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 1; i < records; i++)
        {
            var posted = producer.PostAsync(default, Payload.Bytes);
            if (!posted.IsCompletedSuccessfully)
                await posted;
            if (i % 10_000 == 0)
                while (i - consumed() > AheadMax)
                    Thread.Yield();
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        await producer.FlushAsync();
        return allocated;
    }

    private static async Task<long> ConsumeAsync(Broker broker, int records, Action<long> report)
    {
        await using var consumer = broker.CreateConsumer(s_topic).StartFrom(StartFrom.Earliest).Build();
        var count = 0L;
        var bytes = 0L;
        var before = 0L;
        var thread = 0;
        var allocated = 0L;
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            if (thread == Environment.CurrentManagedThreadId)
                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            foreach (var record in batch)
                bytes += record.Value;
            count += batch.Count;
            report(count);
            if (count >= records)
                break;
            thread = Environment.CurrentManagedThreadId;
            before = GC.GetAllocatedBytesForCurrentThread();
        }
        if (bytes != (long)records * Payload.Bytes)
            throw new InvalidOperationException($"{bytes} bytes arrived, {(long)records * Payload.Bytes} were sent.");
        return allocated;
    }

    private static Task<long> OnOwnThread(Func<Task<long>> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
}
