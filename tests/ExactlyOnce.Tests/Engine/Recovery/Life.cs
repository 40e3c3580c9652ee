using ExactlyOnce.Clients;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// A broker on a simulated disk and the clients that a script uses: one run of one process. What it is promised goes into the <see cref="Promises"/>, which outlive it.
/// </summary>
internal sealed class Life
{
    public const string Root = "/data";
    public const string Group = "totals";

    public static readonly Topic<string, string> Plain = Topic.Create("plain", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Bulk = Topic.Create("bulk", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Named = Topic.Create("named", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Input = Topic.Create("input", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Output = Topic.Create("output", Serdes.Utf8, Serdes.Utf8);

    public static readonly (Topic<string, string> Topic, int Partitions)[] Topics = [(Plain, 3), (Bulk, 1), (Named, 2), (Input, 2), (Output, 3)];

    private readonly StepEnvironment _environment;
    private readonly Promises _promises;
    private readonly Dictionary<string, Producer<string, string>> _producers = [];
    private TransactionalProducer? _checkout;

    private Life(IDisk disk, Promises promises, Durability durability)
    {
        _environment = new StepEnvironment(disk);
        _promises = promises;
        var options = new EngineOptions
        {
            Directory = Root,
            Durability = durability,
            // As small as it goes, so that a short script rolls through several files.
            JournalFileBytes = 128 << 10,
            CheckpointBytes = 1 << 20,
            TailBytesMax = 4 << 20,
        };
        Engine = BrokerEngine.Open(_environment, options);
        Broker = new Broker(new EngineBackend(Engine), new BrokerOptions { Directory = Root, Environment = _environment });
    }

    public Broker Broker { get; }

    public BrokerEngine Engine { get; }

    public static Life Open(IDisk disk, Promises promises, Durability durability = Durability.Flushed) => new(disk, promises, durability);

    /// <summary>Runs a piece of the script to its end.</summary>
    public void Run(Func<Life, Task> work) => _environment.Run(() => work(this));

    public T Run<T>(Func<Life, Task<T>> work) => _environment.Run(() => work(this));

    public async Task CreateTopicsAsync()
    {
        foreach (var (topic, partitions) in Topics)
            if (Broker.Admin.DescribeTopic(topic.Name) is null)
                await Broker.Admin.CreateTopicAsync(topic.Name, options =>
                {
                    options.Partitions = partitions;
                    options.SegmentBytes = 32 << 10;
                });
    }

    public async Task SendAsync(Topic<string, string> topic, int partition, int padding = 0)
    {
        var value = _promises.NewValue($"{topic.Name}-{partition}", padding);
        if (!_producers.TryGetValue(topic.Name, out var producer))
            _producers[topic.Name] = producer = Broker.CreateProducer(topic).Build();
        var at = await producer.SendAsync(new ProducerRecord<string, string>("key", value) { Partition = partition });
        _promises.Acknowledge(at, value);
    }

    /// <summary>Sends the next numbers of the import; the record says its number, so that the log can be compared with what the broker remembers.</summary>
    public async Task ImportAsync(int count)
    {
        if (!_producers.TryGetValue(Named.Name, out var producer))
            _producers[Named.Name] = producer = Broker.CreateProducer(Named).WithIdentity("import").Build();
        var next = (await producer.GetLastSourceSequenceAsync() ?? -1) + 1;
        for (var sequence = next; sequence < next + count; sequence++)
        {
            var value = _promises.Attempt($"import#{sequence}");
            var at = await producer.SendAsync(
                new ProducerRecord<string, string>("key", value) { Partition = (int)(sequence % 2), SourceSequence = sequence });
            Promises.Require(!at.IsDuplicate, $"Sequence {sequence} was above the last one and is called a duplicate.");
            _promises.Acknowledge(at, value);
        }
    }

    /// <summary>The last source sequence that the broker remembers.</summary>
    public async Task<long> LastImportedAsync()
    {
        await using var producer = Broker.CreateProducer(Named).WithIdentity("import").Build();
        return await producer.GetLastSourceSequenceAsync() ?? -1;
    }

    /// <summary>A transaction over partitions of two topics.</summary>
    public async Task TransactAsync(bool commit)
    {
        var (written, transaction) = await BeginAsync();
        if (commit)
        {
            written.Fate = Fate.Unknown;
            await transaction.CommitAsync();
            written.Fate = Fate.Committed;
        }
        else
        {
            await transaction.AbortAsync();
        }
    }

    /// <summary>A transaction that is open when the process dies.</summary>
    public async Task LeaveTransactionOpenAsync() => await BeginAsync();

    /// <summary>Every input record becomes one output record, in the transaction that commits the input's offset.</summary>
    public async Task RunPipelineAsync()
    {
        await using var pipeline = Broker.CreatePipeline(Group).Read(Input).WithBatch(2)
            .To(Output, record => (record.Key, _promises.Attempt(OutputOf(record.Partition, record.Offset))));
        await pipeline.RunUntilCaughtUpAsync();
    }

    public static string OutputOf(int partition, long offset) => $"of-{partition}@{offset}";

    public async Task CloseAsync()
    {
        await Broker.DisposeAsync();
        await new SchedulerHop(_environment.Completions);
    }

    /// <summary>All that read_committed sees, and the pipeline's offsets.</summary>
    public async Task<LogImage> ReadAsync()
    {
        var image = await ReadRecordsAsync();
        if (Broker.Admin.DescribeTopic(Input.Name) is not null)
            foreach (var (partition, offset) in await Broker.Admin.GetGroupOffsetsAsync(Group, Input.Name))
                image.Committed[partition] = offset.Offset;
        return image;
    }

    public async Task<LogImage> ReadRecordsAsync(IsolationLevel isolation = IsolationLevel.ReadCommitted)
    {
        var image = new LogImage();
        foreach (var (topic, partitions) in Topics)
        {
            if (Broker.Admin.DescribeTopic(topic.Name) is null)
                continue;
            await using var consumer = Broker.CreateConsumer(topic).StartFrom(StartFrom.Earliest).WithIsolation(isolation).Build();
            await foreach (var record in consumer.ReadToEndAsync())
                image.Add(record.TopicPartition, record.Offset, Promises.NameOf(record.Value));
        }
        return image;
    }

    private async Task<(WrittenTransaction Written, Transaction Transaction)> BeginAsync()
    {
        _checkout ??= await Broker.CreateTransactionalProducerAsync("checkout", new TransactionalProducerOptions { BatchSize = 512 });
        var transaction = await _checkout.BeginTransactionAsync();
        var written = _promises.NewTransaction();
        foreach (var (topic, partition) in new[] { (Plain, 0), (Plain, 2), (Output, 1), (Plain, 0) })
        {
            // Larger than a batch, so that it is in the log before the transaction ends.
            var value = _promises.NewValue("transaction", 600);
            written.Values.Add(Promises.NameOf(value));
            await transaction.SendAsync(topic, new ProducerRecord<string, string>("key", value) { Partition = partition });
        }
        return (written, transaction);
    }
}
