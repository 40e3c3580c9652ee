using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

// Here, because the types of our own namespace, some of the same name, come before those of usings further out.
using Confluent.Kafka;

/// <summary>
/// The endpoint beside librdkafka's mock cluster, with the same Confluent.Kafka over loopback: client and server share the two cores, so that what a server
/// takes of them is what the client lacks.
/// </summary>
internal static class KafkaRows
{
    private const string Mock = "mock cluster";

    /// <summary>Less than the mock keeps of a partition.</summary>
    private const int EachPartitionBytes = 4 << 20;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static IReadOnlyList<Row> List { get; } =
    [
        Produce(100, full: 2_000_000, quick: 500_000),
        Produce(1024, full: 1_000_000, quick: 300_000),
        Fetch(100),
        Fetch(1024),
        new("kafka-transactions", "A transaction of 10 records to 4 partitions with a group's offset, one after the other, from begin to committed")
        {
            OpenAsync = scale => OpenAsync(server => MeasureTransactions(server, scale.Count(full: 2_000, quick: 1_000))),
            Bars = [Bar.TimeOf(Quantity.Latency, 1, Mock)],
        },
        KafkaIdleRow.Row,
    ];

    private static Row Produce(int bytes, int full, int quick) => new($"kafka-produce-{bytes}", $"Produce {bytes} bytes to 4 partitions, idempotent, acks=all, default batches and linger")
    {
        OpenAsync = scale => OpenAsync(server => MeasureProduce(server, bytes, scale.Count(full, quick))),
        Bars = [Bar.Times(Quantity.Records, 0.9, Mock)],
    };

    private static Row Fetch(int bytes) => new($"kafka-fetch-{bytes}", $"Fetch {bytes} bytes, 4 MiB from each of 4 partitions of 16 topics")
    {
        OpenAsync = scale => OpenAsync(server => MeasureFetch(server, bytes, (int)Math.Clamp(16 * scale.Factor, 1, 16))),
        Bars = [Bar.Times(Quantity.Records, 1, Mock)],
    };

    private static async Task<Contest> OpenAsync(Func<KafkaServer, Func<double, Task<Figure[]>>> measure)
    {
        KafkaServer[] servers = [await KafkaServer.InMemoryAsync(), KafkaServer.Mock(), await KafkaServer.FlushedAsync()];
        return new Contest([.. servers.Select(server => new Contestant(server.Name, measure(server), server.Lacks))]).Holding(servers);
    }

    private static Func<double, Task<Figure[]>> MeasureProduce(KafkaServer server, int bytes, int records)
    {
        var (topic, written) = (NewTopic(), 0L);
        return async share =>
        {
            if (written == 0)
                await server.CreateTopicAsync(topic);
            var count = (int)(records * share);
            Figure[] figures;
            using (var producer = NewProducer(server))
            {
                // Connected, and with its partitions known.
                Write(producer, topic, bytes, KafkaServer.Partitions);
                figures = await TimeAsync(count, () => Write(producer, topic, bytes, count));
            }
            written += count + KafkaServer.Partitions;
            Verify.Equal(written, EndOffsets(server, topic), "records are in the log");
            return figures;
        };
    }

    private static Func<double, Task<Figure[]>> MeasureFetch(KafkaServer server, int bytes, int topics)
    {
        var filled = EachPartitionBytes / bytes * KafkaServer.Partitions;
        IReadOnlyList<string>? names = null;
        return async share =>
        {
            names ??= await FillAsync(server, topics, bytes, filled);
            var read = names.Take(Math.Max(1, (int)(topics * share))).ToList();
            var config = new ConsumerConfig
            {
                BootstrapServers = server.BootstrapServers,
                GroupId = "readers",
                EnableAutoCommit = false,
                // Or whoever comes to the end of one topic waits for half a second before he is given another.
                FetchWaitMaxMs = 10,
            };
            // A client that has fetched enough in advance pauses for a second, which would be all that is measured.
            config.Set("fetch.queue.backoff.ms", "1");
            using var consumer = new ConsumerBuilder<Ignore, byte[]>(config).Build();
            // Connected, and with its partitions known.
            Read(consumer, read, bytes, KafkaServer.Partitions);
            return await TimeAsync(filled * read.Count, () => Read(consumer, read, bytes, filled * read.Count));
        };
    }

    private static async Task<IReadOnlyList<string>> FillAsync(KafkaServer server, int topics, int bytes, int count)
    {
        string[] names = [.. Enumerable.Range(0, topics).Select(_ => NewTopic())];
        using var producer = NewProducer(server);
        foreach (var topic in names)
        {
            await server.CreateTopicAsync(topic);
            Write(producer, topic, bytes, count);
        }
        return names;
    }

    private static Func<double, Task<Figure[]>> MeasureTransactions(KafkaServer server, int transactions) => async share =>
    {
        var topic = NewTopic();
        await server.CreateTopicAsync(topic);
        var count = (int)(transactions * share);
        var taken = new double[count];
        using (var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = server.BootstrapServers, TransactionalId = topic, LingerMs = 0 }).Build())
        using (var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig { BootstrapServers = server.BootstrapServers, GroupId = topic }).Build())
        {
            var value = new byte[Payload.Bytes];
            producer.InitTransactions(s_patience);
            for (var i = 0; i < count; i++)
            {
                var began = Stopwatch.GetTimestamp();
                producer.BeginTransaction();
                for (var j = 0; j < 10; j++)
                    producer.Produce(new TopicPartition(topic, j % KafkaServer.Partitions), new Message<Null, byte[]> { Value = value });
                producer.SendOffsetsToTransaction([new TopicPartitionOffset(topic, 0, i)], consumer.ConsumerGroupMetadata, s_patience);
                producer.CommitTransaction(s_patience);
                taken[i] = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
            }
        }
        Verify.AtLeast(10 * count, EndOffsets(server, topic), "records are in the log");
        await server.DeleteTopicAsync(topic);
        return [new Figure(Quantity.Latency, Statistics.Median(taken))];
    };

    /// <summary>The client has a thread of its own, as its program would.</summary>
    private static Task<Figure[]> TimeAsync(int records, Action work) => OwnThread.RunAsync(() => Task.FromResult(Time(records, work)));

    private static Figure[] Time(int records, Action work)
    {
        var (clock, processor) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        work();
        var seconds = clock.Elapsed.TotalSeconds;
        return [new Figure(Quantity.Records, records / seconds), new Figure(Quantity.ProcessorTime, (Environment.CpuUsage.TotalTime - processor).TotalNanoseconds / records)];
    }

    private static string NewTopic() => $"topic-{Guid.NewGuid():N}";

    private static IProducer<Null, byte[]> NewProducer(KafkaServer server) => new ProducerBuilder<Null, byte[]>(new ProducerConfig
    {
        BootstrapServers = server.BootstrapServers,
        EnableIdempotence = true,
        EnableDeliveryReports = false,
    }).Build();

    /// <summary>Returns when all of them are acknowledged.</summary>
    private static void Write(IProducer<Null, byte[]> producer, string topic, int bytes, int count)
    {
        var message = new Message<Null, byte[]> { Value = new byte[bytes] };
        for (var i = 0; i < count; i++)
        {
            var partition = new TopicPartition(topic, i % KafkaServer.Partitions);
            while (!TryProduce(producer, partition, message))
                Thread.Sleep(1);
        }
        Verify.Equal(0, producer.Flush(s_patience), "records are not acknowledged");
    }

    private static bool TryProduce(IProducer<Null, byte[]> producer, TopicPartition partition, Message<Null, byte[]> message)
    {
        try
        {
            producer.Produce(partition, message);
            return true;
        }
        catch (ProduceException<Null, byte[]> exception) when (exception.Error.Code == ErrorCode.Local_QueueFull)
        {
            return false;
        }
    }

    private static void Read(IConsumer<Ignore, byte[]> consumer, IReadOnlyList<string> topics, int bytes, int count)
    {
        consumer.Assign(topics.SelectMany(static topic => Enumerable.Range(0, KafkaServer.Partitions), static (topic, partition) => new TopicPartitionOffset(topic, partition, 0)));
        for (var i = 0; i < count; i++)
        {
            var read = consumer.Consume(s_patience) ?? throw new TimeoutException($"{i:N0} of {count:N0} records came.");
            Verify.Equal(bytes, read.Message.Value.Length, "bytes are in a value");
        }
    }

    private static long EndOffsets(KafkaServer server, string topic)
    {
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig { BootstrapServers = server.BootstrapServers, GroupId = "judge" }).Build();
        return Enumerable.Range(0, KafkaServer.Partitions).Sum(partition => consumer.QueryWatermarkOffsets(new TopicPartition(topic, partition), s_patience).High.Value);
    }
}
