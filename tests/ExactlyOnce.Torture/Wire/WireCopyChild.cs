namespace ExactlyOnce.Torture.Wire;

// Within the namespace, so that names which both libraries have mean the client's.
using System.Globalization;
using Confluent.Kafka;

/// <summary>
/// One life of an unmodified client that consumes, transforms and produces in transactions: reads numbers, writes them to the same partition of another
/// topic, and says after each commit how many it has copied. What is too broken to go on with, it makes anew, as an application would. It does not bootstrap
/// again when all brokers are gone for a moment: librdkafka 2.16 then forgets to send a TxnOffsetCommit to the group's coordinator, whom it had found
/// before.
/// </summary>
internal static class WireCopyChild
{
    public const string Name = "wire-copy-child";
    public const string Group = "copier";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Arguments: bootstrap servers, records in all, records a transaction.</summary>
    public static int Run(string[] args)
    {
        var (servers, records, step) = (args[1], long.Parse(args[2], CultureInfo.InvariantCulture), int.Parse(args[3], CultureInfo.InvariantCulture));
        Console.Out.WriteLine("starting");
        while (true)
        {
            try
            {
                Live(servers, records, step);
                return 0;
            }
            catch (KafkaException exception)
            {
                Console.Out.WriteLine($"again {exception.GetType().Name} {exception.Error.Code}");
            }
        }
    }

    private static void Live(string servers, long records, int step)
    {
        using var producer = new ProducerBuilder<Null, long>(new ProducerConfig
        {
            BootstrapServers = servers,
            TransactionalId = Group,
            TransactionTimeoutMs = 20_000,
            LingerMs = 1,
            ReconnectBackoffMaxMs = 300,
            MetadataRecoveryStrategy = MetadataRecoveryStrategy.None,
        }).SetLogHandler(static (_, line) => Console.Error.WriteLine($"{line.Name} {line.Facility} {line.Message}")).Build();
        Again(() => producer.InitTransactions(s_patience));
        // A static member: whoever comes after a kill takes the place of the dead at once.
        using var consumer = new ConsumerBuilder<Ignore, long>(new ConsumerConfig
        {
            BootstrapServers = servers,
            GroupId = Group,
            GroupInstanceId = Group,
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            IsolationLevel = Confluent.Kafka.IsolationLevel.ReadCommitted,
            SessionTimeoutMs = 10_000,
            HeartbeatIntervalMs = 500,
            FetchWaitMaxMs = 100,
            ReconnectBackoffMaxMs = 300,
            MetadataRecoveryStrategy = MetadataRecoveryStrategy.None,
        }).SetLogHandler(static (_, line) => Console.Error.WriteLine($"{line.Name} {line.Facility} {line.Message}")).SetErrorHandler(static (_, _) => { })
            .Build();
        consumer.Subscribe(WireServerChild.Input);
        Console.Out.WriteLine("working");
        while (true)
        {
            var batch = Take(consumer, step);
            if (batch.Count > 0)
                Copy(batch, consumer, producer);
            else if (Committed(consumer) >= records)
                return;
        }
    }

    private static void Copy(List<ConsumeResult<Ignore, long>> batch, IConsumer<Ignore, long> consumer, IProducer<Null, long> producer)
    {
        producer.BeginTransaction();
        try
        {
            foreach (var record in batch)
                producer.Produce(new TopicPartition(WireServerChild.Output, record.Partition), new Message<Null, long> { Value = record.Message.Value });
            var next = batch.GroupBy(record => record.TopicPartition)
                .Select(partition => new TopicPartitionOffset(partition.Key, partition.Last().Offset + 1)).ToList();
            Again(() => producer.SendOffsetsToTransaction(next, consumer.ConsumerGroupMetadata, s_patience));
            Again(() => producer.CommitTransaction(s_patience));
            Console.Out.WriteLine($"copied {batch.Count}");
        }
        catch (KafkaTxnRequiresAbortException exception)
        {
            Again(() => producer.AbortTransaction(s_patience));
            foreach (var first in batch.DistinctBy(record => record.TopicPartition))
                consumer.Seek(first.TopicPartitionOffset);
            Console.Out.WriteLine($"aborted {exception.Error.Code}");
        }
    }

    private static List<ConsumeResult<Ignore, long>> Take(IConsumer<Ignore, long> consumer, int count)
    {
        var batch = new List<ConsumeResult<Ignore, long>>();
        while (batch.Count < count && consumer.Consume(s_pause) is { } record)
            batch.Add(record);
        return batch;
    }

    private static long Committed(IConsumer<Ignore, long> consumer) =>
        consumer.Committed(Enumerable.Range(0, WireServerChild.Partitions).Select(partition => new TopicPartition(WireServerChild.Input, partition)),
            s_patience)
            .Sum(offset => Math.Max(0, offset.Offset.Value));

    /// <summary>What may be tried again is.</summary>
    private static void Again(Action call)
    {
        while (true)
        {
            try
            {
                call();
                return;
            }
            catch (KafkaRetriableException)
            {
            }
        }
    }
}
