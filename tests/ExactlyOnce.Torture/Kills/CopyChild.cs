using System.Globalization;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// One life of the copy test: imports numbers where the last life stopped, then copies them where the last life stopped, and says after each step how far it
/// is.
/// </summary>
internal static class CopyChild
{
    public const string Name = "copy-child";
    public const int Partitions = 4;

    /// <summary>Records between two words to the parent.</summary>
    public const int StepRecords = 500;

    public static readonly Topic<NoKey, long> Input = Topic.Create("input", Serdes.Int64);
    public static readonly Topic<NoKey, long> Output = Topic.Create("output", Serdes.Int64);

    private const double WriteBackRate = 0.01;

    /// <summary>Arguments: folder, seed, records.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var (folder, seed, records) = (args[1], int.Parse(args[2], CultureInfo.InvariantCulture), long.Parse(args[3], CultureInfo.InvariantCulture));
        var disk = new LossyDisk(new PosixDisk(), ChildFolders.Data(folder), ChildFolders.Limbo(folder), seed, WriteBackRate);
        Say("starting");
        await using var broker = Open(disk, ChildFolders.Data(folder));
        Say("working");
        await CreateAsync(broker, Input);
        await CreateAsync(broker, Output);
        await ImportAsync(broker, records);
        await CopyAsync(broker);
        return 0;
    }

    public static Broker Open(IDisk disk, string data)
    {
        var environment = new SystemEnvironment(disk: disk);
        var engine = BrokerEngine.Open(environment, new EngineOptions
        {
            Directory = data,
            Durability = Durability.Flushed,
            JournalFileBytes = 4 << 20,
            CheckpointBytes = 1 << 20,
            TailBytesMax = 16 << 20,
            CheckpointInterval = TimeSpan.FromMilliseconds(500),
            HousekeepingInterval = TimeSpan.FromMilliseconds(100),
        });
        return new Broker(new EngineBackend(engine), new BrokerOptions { Directory = data, Environment = environment });
    }

    private static async Task CreateAsync(Broker broker, Topic<NoKey, long> topic)
    {
        if (broker.Admin.DescribeTopic(topic.Name) is null)
            await broker.Admin.CreateTopicAsync(topic.Name, options =>
            {
                options.Partitions = Partitions;
                options.SegmentBytes = 1 << 20;
            });
    }

    private static async Task ImportAsync(Broker broker, long records)
    {
        await using var producer = broker.CreateProducer(Input).WithIdentity("numbers").Build();
        var first = (await producer.GetLastSourceSequenceAsync() ?? -1) + 1;
        for (var number = first; number < records; number++)
        {
            await producer.PostAsync(new ProducerRecord<NoKey, long>(default, number) { Partition = (int)(number % Partitions), SourceSequence = number });
            if ((number + 1) % StepRecords != 0)
                continue;
            await producer.FlushAsync();
            Say($"imported {number + 1}");
        }
        await producer.FlushAsync();
    }

    private static async Task CopyAsync(Broker broker)
    {
        var copied = 0L;
        await using var pipeline = broker.CreatePipeline("copier").Read(Input).WithWorkers(2).WithBatch(StepRecords).Process(async (batch, output, cancellationToken) =>
        {
            foreach (var record in batch)
                await output.SendAsync(Output, new ProducerRecord<NoKey, long>(default, record.Value) { Partition = record.Partition }, cancellationToken);
            Say($"copied {Interlocked.Add(ref copied, batch.Count)}");
        });
        await pipeline.RunUntilCaughtUpAsync();
    }

    private static void Say(string line)
    {
        lock (Input)
            Console.Out.WriteLine(line);
    }
}
