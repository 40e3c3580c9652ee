using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Growing;

/// <summary>The pieces of work that are measured, each until a quarter of a second is over.</summary>
internal static class Work
{
    private static readonly TimeSpan s_duration = TimeSpan.FromMilliseconds(250);

    /// <summary>Nanoseconds of each, after a first tenth that is not counted.</summary>
    public static async Task<double> MeasureAsync(Func<int, ValueTask> workAsync, int piece = 256)
    {
        var done = 0;
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < s_duration / 10;)
            await RunPieceAsync();
        var counted = done;
        var measuring = Stopwatch.StartNew();
        while (measuring.Elapsed < s_duration)
            await RunPieceAsync();
        return measuring.Elapsed.TotalNanoseconds / (done - counted);

        async ValueTask RunPieceAsync()
        {
            for (var i = 0; i < piece; i++)
                await workAsync(done++);
        }
    }

    /// <summary>One awaited send to a partition, by a producer of its own.</summary>
    public static async Task<double> SendAsync(Broker broker, Topic<NoKey, int> topic, Func<int, int> partition, int valueBytes = Payload.Bytes)
    {
        await using var producer = await broker.CreateProducer(topic).BuildAsync();
        return await MeasureAsync(async i => await producer.SendAsync(new ProducerRecord<NoKey, int>(default, valueBytes) { Partition = partition(i) }));
    }

    /// <summary>One transaction of one record, from its beginning to its commit.</summary>
    public static async Task<double> TransactAsync(Broker broker, Topic<NoKey, int> topic)
    {
        await using var producer = await broker.CreateTransactionalProducerAsync("measured");
        return await MeasureAsync(async _ =>
        {
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(topic, default, Payload.Bytes);
            await transaction.CommitAsync();
        });
    }

    /// <summary>One seek to an offset and the batch that stands there.</summary>
    public static async Task<double> SeekAndReadAsync(Broker broker, Topic<NoKey, int> topic, int records)
    {
        await using var consumer = broker.CreateConsumer(topic).StartFrom(StartFrom.Earliest).Build();
        await using var batches = consumer.ReadBatchesAsync().GetAsyncEnumerator();
        var random = new Random(1);
        return await MeasureAsync(
            async _ =>
            {
                var offset = random.Next(records);
                await consumer.SeekAsync(new TopicPartition(topic.Name, 0), offset);
                await batches.MoveNextAsync();
                Comparing.Verify.Equal(offset, batches.Current.FirstOffset, "is the offset of the batch");
            },
            piece: 8);
    }
}
