using ExactlyOnce.Clients;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>
/// A broker on a simulated disk and the clients that a script uses: one run of one process. What it is promised goes into the <see cref="Promises"/>, which
/// outlive it.
/// </summary>
internal sealed partial class Life
{
    public const string Root = "/data";
    public const string Group = "totals";
    public const string Readers = "readers";

    public static readonly Topic<string, string> Plain = Topic.Create("plain", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Bulk = Topic.Create("bulk", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Named = Topic.Create("named", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Input = Topic.Create("input", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Output = Topic.Create("output", Serdes.Utf8, Serdes.Utf8);

    private readonly StepEnvironment _environment;
    private readonly Promises _promises;
    private readonly LifeScale _scale;
    private readonly Dictionary<string, Producer<string, string>> _producers = [];
    private TransactionalProducer? _checkout;

    private Life(IDisk disk, Promises promises, LifeScale scale)
    {
        _environment = new StepEnvironment(disk, ++promises.Lives);
        if (promises.Now > _environment.Clock.GetUtcNow())
            _environment.Clock.SetUtcNow(promises.Now);
        _promises = promises;
        _scale = scale;
        Engine = BrokerEngine.Open(_environment, scale.Engine);
        // Every meter is in a list of the runtime until it is disposed, and its gauges hold the broker: a life that ends without a close would keep its disk
        // for ever.
        Engine.Meter.Dispose();
        Broker = new Broker(new EngineBackend(Engine), new BrokerOptions { Directory = Root, Environment = _environment });
    }

    public Broker Broker { get; }

    public BrokerEngine Engine { get; }

    public static Life Open(IDisk disk, Promises promises, LifeScale? scale = null) => new(disk, promises, scale ?? LifeScale.Usual);

    /// <summary>Runs a piece of the script to its end.</summary>
    public void Run(Func<Life, Task> work) => _environment.Run(() => work(this));

    public T Run<T>(Func<Life, Task<T>> work) => _environment.Run(() => work(this));

    public async Task CreateTopicsAsync()
    {
        foreach (var (topic, partitions, configure) in _scale.Topics)
            if (Broker.Admin.DescribeTopic(topic) is null)
                await CreateTopicAsync(topic, partitions, configure);
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
        if (next > 0)
            Promises.Require((await ImportAsync(producer, next - 1)).IsDuplicate, $"Sequence {next - 1} is remembered, and was taken once more.");
        for (var sequence = next; sequence < next + count; sequence++)
        {
            var value = _promises.Attempt($"import#{sequence}");
            var at = await ImportAsync(producer, sequence);
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
        await using (transaction)
        {
            _promises.Note(written, commit ? Fate.Unknown : Fate.Aborted, Preparation.None, isAnswer: false);
            await (commit ? transaction.CommitAsync() : transaction.AbortAsync());
            _promises.Note(written, commit ? Fate.Committed : Fate.Aborted, Preparation.None, isAnswer: true);
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

    /// <summary>All that read_committed sees, and what the broker says of topics, offsets and prepared transactions.</summary>
    public async Task<LogImage> ReadAsync()
    {
        var image = await ReadRecordsAsync();
        await AddOffsetsAsync(Group, Input.Name, image.Committed);
        await AddOffsetsAsync(Readers, Plain.Name, image.Noted);
        foreach (var prepared in await Broker.Admin.ListPreparedTransactionsAsync())
            image.Prepared.Add(prepared.TransactionalId, prepared.Token);
        return image;
    }

    public async Task<LogImage> ReadRecordsAsync(IsolationLevel isolation = IsolationLevel.ReadCommitted)
    {
        var image = new LogImage();
        foreach (var topic in Broker.Admin.ListTopics())
        {
            if (topic.IsInternal || _promises.LeavesAlone(topic.Name))
                continue;
            image.Topics.Add(topic.Name, topic.Partitions);
            await using var consumer = Broker.CreateConsumer(Topic.Create(topic.Name, Serdes.Utf8, Serdes.Utf8)).StartFrom(StartFrom.Earliest).WithIsolation(isolation).Build();
            await foreach (var record in consumer.ReadToEndAsync())
                image.Add(record.TopicPartition, record.Offset, Promises.NameOf(record.Value));
        }
        foreach (var partition in Engine.Partitions.InOrder())
        {
            if (!image.Topics.ContainsKey(partition.Name.Topic))
                continue;
            image.Starts.Add(partition.Name, partition.View.LogStart);
            Promises.Require(partition.View.LogStart == partition.State.LogStartOffset, $"Readers of {partition.Name} see another log start than its state says.");
        }
        return image;
    }

    private async Task CreateTopicAsync(string topic, int partitions, Action<TopicOptions>? configure)
    {
        _promises.NoteTopic(topic, partitions, isAnswer: false);
        await Broker.Admin.CreateTopicAsync(topic, options =>
        {
            options.Partitions = partitions;
            options.SegmentBytes = _scale.SegmentBytes;
            configure?.Invoke(options);
        });
        _promises.NoteTopic(topic, partitions, isAnswer: true);
    }

    private static async ValueTask<RecordMetadata> ImportAsync(Producer<string, string> producer, long sequence) => await producer.SendAsync(
        new ProducerRecord<string, string>("key", $"import#{sequence}") { Partition = (int)(sequence % 2), SourceSequence = sequence });

    private async Task AddOffsetsAsync(string group, string topic, Dictionary<TopicPartition, long> target)
    {
        if (Broker.Admin.DescribeTopic(topic) is null)
            return;
        foreach (var (partition, offset) in await Broker.Admin.GetGroupOffsetsAsync(group, topic))
            target[partition] = offset.Offset;
    }

    private async Task<(WrittenTransaction Written, Transaction Transaction)> BeginAsync()
    {
        _checkout ??= await Broker.CreateTransactionalProducerAsync("checkout", new TransactionalProducerOptions { BatchSize = 512 });
        var (written, transaction) = (_promises.NewTransaction(), await _checkout.BeginTransactionAsync());
        try
        {
            await WriteAsync((written, transaction), (Plain, 0), (Plain, 2), (Output, 1), (Plain, 0));
            return (written, transaction);
        }
        catch
        {
            // One that is left open would stand in the way of the producer's next.
            await transaction.DisposeAsync();
            throw;
        }
    }
}
