namespace ExactlyOnce.Torture.Wire;

// Within the namespace, so that names which both libraries have mean the client's.
using System.Globalization;
using Confluent.Kafka;
using ExactlyOnce.Torture.Kills;

/// <summary>
/// Consume, transform, produce with an unmodified Kafka client, while the client's process and the broker's are killed again and again, the broker on a disk
/// that loses what was not synced. Then each number is in the input once and in the output once, each partition in its order, and the group has committed
/// all of it.
/// </summary>
internal sealed class WireKillTorture : ITorture
{
    private const long RecordsByDefault = 100_000;
    private const int KillsByDefault = 100;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    public string Summary =>
        "Kafka clients over the wire: --records N (100,000) copied in transactions under --kills K (100) of both processes: no duplicate, no loss";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var (records, kills) = (options.Number("records", RecordsByDefault), (int)options.Number("kills", KillsByDefault));
        var seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
        progress.Print($"seed {seed}");
        var folder = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"exactlyonce-wire-{Environment.ProcessId}-{seed}"));
        ChildFolders.MakeNew(folder);
        var failures = new List<string>();
        using (var lives = new WireLives(folder, new Random((int)(seed ^ (seed >> 32))), progress, failures))
        {
            Fill(lives, records, kills / 4, progress);
            if (failures.Count == 0)
                Copy(lives, records, kills - (kills / 4), progress);
            if (failures.Count == 0)
                failures.AddRange(Check(lives, records, progress));
        }
        if (failures.Count == 0)
            Directory.Delete(folder, recursive: true);
        return failures;
    }

    /// <summary>An idempotent producer in this process fills the input while the broker is killed under it.</summary>
    private static void Fill(WireLives lives, long records, int kills, Progress progress)
    {
        using var producer = new ProducerBuilder<Null, long>(new ProducerConfig
        {
            BootstrapServers = lives.Servers,
            EnableIdempotence = true,
            MessageTimeoutMs = 0,
            LingerMs = 1,
            ReconnectBackoffMaxMs = 300,
            MetadataRecoveryStrategy = MetadataRecoveryStrategy.None,
        }).SetLogHandler(static (_, _) => { }).SetErrorHandler(static (_, _) => { }).Build();
        var (acknowledged, killed) = (0L, 0);
        for (var number = 0L; number < records; number++)
        {
            producer.Produce(
                new TopicPartition(WireServerChild.Input, (int)(number % WireServerChild.Partitions)), new Message<Null, long> { Value = number }, report =>
                {
                    if (report.Error.IsError)
                        lives.Fail($"The idempotent producer was refused: {report.Error}.");
                    else
                        Interlocked.Increment(ref acknowledged);
                });
            if (killed >= kills || number < (killed + 1) * records / (kills + 1))
                continue;
            // Now and then in the middle of what is on its way.
            if (killed++ % 2 == 0)
                producer.Flush(TimeSpan.FromMilliseconds(lives.Random.Next(30)));
            lives.KillServer();
        }
        producer.Flush(s_patience);
        if (acknowledged != records)
            lives.Fail($"{acknowledged} of {records} records were acknowledged.");
        progress.Count("records filled", acknowledged);
    }

    private static void Copy(WireLives lives, long records, int kills, Progress progress)
    {
        var step = (int)Math.Clamp(records / (8 * (kills + 1)), 10, 250);
        var commits = records / step;
        lives.StartClient(records, step);
        for (var kill = 0; kill < kills && !lives.HasFailed; kill++)
        {
            // Kills are spread over the commits; one of four comes right behind another, while a process opens what it was killed at.
            var isEarly = kill > 0 && lives.Random.Next(4) == 0;
            if (!isEarly && !lives.WaitForCommits((long)((kill + lives.Random.NextDouble()) * commits / (kills + 1)), s_patience))
                break;
            Thread.Sleep(TimeSpan.FromMilliseconds(lives.Random.NextDouble() * (isEarly ? 400 : 10)));
            if (lives.IsClientDone)
            {
                lives.Fail($"The client was done before kill {kill}; ask for fewer kills or more records.");
                break;
            }
            var victims = lives.Random.Next(5);
            if (victims is 0 or 1 or 4)
                lives.KillServer();
            if (victims is 2 or 3 or 4)
                lives.KillClient();
        }
        lives.WaitForClient(TimeSpan.FromMinutes(5));
        progress.Say("");
    }

    private static List<string> Check(WireLives lives, long records, Progress progress)
    {
        var failures = new List<string>();
        using var consumer = new ConsumerBuilder<Ignore, long>(new ConsumerConfig
        {
            BootstrapServers = lives.Servers,
            GroupId = WireCopyChild.Group,
            EnableAutoCommit = false,
            EnablePartitionEof = true,
            IsolationLevel = Confluent.Kafka.IsolationLevel.ReadCommitted,
        }).Build();
        foreach (var topic in new[] { WireServerChild.Input, WireServerChild.Output })
            Check(consumer, topic, records, failures, progress);
        var committed = consumer.Committed(Partitions(WireServerChild.Input), s_patience).Sum(offset => offset.Offset.Value);
        var end = Partitions(WireServerChild.Input).Sum(partition => consumer.QueryWatermarkOffsets(partition, s_patience).High.Value);
        if (committed != end)
            failures.Add($"The group has committed {committed} where the input's ends are {end} together.");
        return failures;
    }

    private static void Check(IConsumer<Ignore, long> consumer, string topic, long records, List<string> failures, Progress progress)
    {
        var expected = Enumerable.Range(0, WireServerChild.Partitions).Select(partition => (long)partition).ToArray();
        consumer.Assign(Partitions(topic).Select(partition => new TopicPartitionOffset(partition, Offset.Beginning)));
        for (var ends = 0; ends < WireServerChild.Partitions;)
        {
            if (consumer.Consume(s_patience) is not { } record)
            {
                failures.Add($"{topic} could not be read to its end.");
                return;
            }
            if (record.IsPartitionEOF)
            {
                ends++;
                continue;
            }
            ref var next = ref expected[record.Partition.Value];
            if (record.Message.Value != next && failures.Count < 10)
            {
                var what = record.Message.Value < next ? "a duplicate" : "a loss";
                failures.Add($"{record.TopicPartitionOffset} holds {record.Message.Value} where {next} follows: {what}, or out of order.");
            }
            next = record.Message.Value + WireServerChild.Partitions;
            progress.Count("records checked");
        }
        for (var partition = 0; partition < expected.Length; partition++)
            if (expected[partition] < records)
                failures.Add($"{topic}-{partition} ends before {expected[partition]}: lost.");
    }

    private static List<TopicPartition> Partitions(string topic) =>
        [.. Enumerable.Range(0, WireServerChild.Partitions).Select(partition => new TopicPartition(topic, partition))];
}
