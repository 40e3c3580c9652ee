using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>
/// A broker as a Kafka endpoint sees it, on one thread with a clock that moves when told to: what a test calls either is answered when the call returns, or
/// waits for something that the test has not done yet. On a simulated disk it can be closed, or cut off, and opened again.
/// </summary>
internal sealed class WireBroker
{
    public static readonly TopicPartition First = new("orders", 0);
    public static readonly TopicPartition Second = new("orders", 1);
    public static readonly TopicPartition Missing = new("nothing", 0);

    private static readonly EngineOptions s_small = new() { Directory = "/data", Durability = Durability.Flushed, JournalFileBytes = 1 << 20 };

    private readonly EngineOptions _options;
    private readonly WireSettings _settings;
    private readonly int _run;

    private WireBroker(SimulatedDisk disk, EngineOptions options, WireSettings settings, TimeSpan behind, int run = 1)
    {
        Disk = disk;
        _options = options;
        _settings = settings;
        // Chance is another one in every run, or what has to be kept would be made again.
        Environment = new StepEnvironment(disk, seed: run);
        _run = run;
        Environment.Clock.Advance(behind);
        var engine = BrokerEngine.Open(Environment, options);
        engine.Meter.Dispose();
        Backend = new EngineBackend(engine);
        Broker = new Broker(Backend, new BrokerOptions { Directory = options.Directory, Environment = Environment });
        Wire = Backend.OpenWire(settings);
    }

    public SimulatedDisk Disk { get; }

    public StepEnvironment Environment { get; }

    public EngineBackend Backend { get; }

    public Broker Broker { get; }

    public WireBackend Wire { get; }

    /// <summary>A broker with the topics orders, of two partitions, and invoices.</summary>
    public static WireBroker Open(Place place = Place.Memory, WireSettings? settings = null, Func<EngineOptions, EngineOptions>? options = null)
    {
        var chosen = place == Place.Memory ? new EngineOptions() : s_small;
        var broker = new WireBroker(new SimulatedDisk(), options?.Invoke(chosen) ?? chosen, settings ?? new WireSettings(), TimeSpan.Zero);
        broker.CreateTopic("orders", partitions: 2);
        broker.CreateTopic("invoices");
        return broker;
    }

    /// <summary>The broker of a disk that may have been cut off at any time, also before it had its topics.</summary>
    public static WireBroker OpenOn(SimulatedDisk disk, int run)
    {
        var broker = new WireBroker(disk, s_small, new WireSettings(), TimeSpan.Zero, run);
        if (broker.Backend.TryGetTopic("orders") is null)
            broker.CreateTopic("orders", partitions: 2);
        return broker;
    }

    public TopicDescription CreateTopic(string name, int partitions = 1) =>
        Run(() => Backend.CreateTopicAsync(name, new TopicOptions { Partitions = partitions }, CancellationToken.None));

    public void DeleteTopic(string name) => Environment.Run(() => Backend.DeleteTopicAsync(name, CancellationToken.None).AsTask());

    /// <summary>A clean end, and the next run.</summary>
    public WireBroker Reopen()
    {
        Environment.Run(async () =>
        {
            await Broker.DisposeAsync();
            await new SchedulerHop(Environment.Completions);
        });
        return new WireBroker(Disk, _options, _settings, Elapsed, _run + 1);
    }

    /// <summary>The power fails, and the next run.</summary>
    public WireBroker Revive() => new(Disk.Crash(CrashProfile.LostSectors, 1), _options, _settings, Elapsed, _run + 1);

    private TimeSpan Elapsed => Environment.Clock.GetUtcNow() - Environment.Clock.Start;

    /// <summary>The answer of a call that does not wait for anybody.</summary>
    public T Run<T>(Func<ValueTask<T>> call)
    {
        var task = Start(call);
        task.IsCompleted.Should().BeTrue("nothing is left to wait for");
        return task.GetAwaiter().GetResult();
    }

    /// <summary>A call that may wait; everything that can be done without the clock is done when this returns.</summary>
    public Task<T> Start<T>(Func<ValueTask<T>> call)
    {
        Task<T>? task = null;
        Alone(() => task = call().AsTask());
        return task!;
    }

    /// <summary>Lets time pass, and whatever it brings about happen.</summary>
    public void Pass(TimeSpan time) => Alone(() => Environment.Clock.Advance(time));

    /// <summary>Does something and all that follows from it. Without a synchronization context what follows happens here and not on the pool.</summary>
    public void Alone(Action work)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            work();
            Environment.RunUntilIdle();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    public PartitionOffsets Offsets(TopicPartition partition) => Backend.GetPartition(partition).Offsets;

    public List<string> Read(Topic<string, string>? topic = null, IsolationLevel isolation = IsolationLevel.ReadCommitted) => Environment.Run(async () =>
    {
        var values = new List<string>();
        await using var consumer = Broker.CreateConsumer(topic ?? TestBroker.Orders).WithIsolation(isolation).Build();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    });

    /// <summary>What a client that asks for stable offsets is told.</summary>
    public FetchedPartitionOffset Committed(string group, TopicPartition partition, bool requireStable = true) =>
        Run(() => Wire.FetchOffsetsAsync(new OffsetFetchCall { Group = group, Partitions = [partition], RequireStable = requireStable })).Offsets.Single();
}

/// <summary>A producer behind a connection: it holds its identity and its sequences itself, as Kafka's clients do.</summary>
internal sealed class WireProducer(Func<WireBroker> connect, string? id, WireGeneration generation)
{
    private readonly Dictionary<TopicPartition, int> _sequences = [];

    public WireProducer(WireBroker broker, string? id = "checkout", WireGeneration generation = WireGeneration.V1)
        : this(() => broker, id, generation)
    {
    }

    public ProducerIdentity Identity { get; set; } = ProducerIdentity.None;

    public TransactionCaller Caller => new(id!, Identity, generation, "a client");

    private WireBroker Broker => connect();

    /// <summary>The same client in the other generation: it changed its library.</summary>
    public WireProducer As(WireGeneration other) => new(connect, id, other) { Identity = Identity };

    public ProducerAnswer Init(ProducerIdentity? held = null, int timeoutMs = 60_000)
    {
        var answer = Broker.Run(() => Broker.Wire.InitProducerIdAsync(new InitProducerIdCall(id, timeoutMs, held ?? ProducerIdentity.None, "a client")));
        if (answer.Error == ErrorCode.None)
            Adopt(answer.Identity);
        return answer;
    }

    public WireProducer Ready(int timeoutMs = 60_000)
    {
        Init(timeoutMs: timeoutMs).Error.Should().Be(ErrorCode.None);
        return this;
    }

    public ErrorCode[] Add(params TopicPartition[] partitions) => Broker.Run(() => Broker.Wire.AddPartitionsToTransactionAsync(Caller, partitions));

    public ErrorCode AddOffsets(string group) => Broker.Run(() => Broker.Wire.AddOffsetsToTransactionAsync(Caller, group));

    /// <summary>The next batch in its order, or one with a sequence of the test's choice.</summary>
    public ErrorCode Send(TopicPartition partition, string value, int? sequence = null, bool isTransactional = true)
    {
        var next = sequence ?? _sequences.GetValueOrDefault(partition);
        var outcome = Append(partition, value, next, isTransactional);
        if (sequence is null && outcome.Error == ErrorCode.None)
            _sequences[partition] = next + 1;
        return outcome.Error;
    }

    public AppendOutcome Append(TopicPartition partition, string value, int sequence, bool isTransactional = true)
    {
        var (header, bytes) = SignedProducer.Batch(
            Identity, sequence, Broker.Backend.Engine.NowMs, isTransactional ? BatchAttributes.Transactional : BatchAttributes.None, value);
        var operation = new Operation();
        operation.Sign(header, bytes);
        var target = Broker.Backend.GetPartition(partition);
        if ((isTransactional ? Broker.Wire.AppendTransactional(target, operation, Caller) : target.Append(operation)) != AppendStatus.Completed)
        {
            Broker.Alone(static () => { });
            operation.IsCompleted.Should().BeTrue();
        }
        return operation.Outcome;
    }

    /// <summary>A whole transaction of one record, begun as its generation begins one.</summary>
    public ErrorCode SendIn(TopicPartition partition, string value)
    {
        if (generation == WireGeneration.V1)
            Add(partition).Should().Equal(ErrorCode.None);
        return Send(partition, value);
    }

    public ErrorCode[] Offsets(string group, OffsetToCommit offset, int memberGeneration = -1, string memberId = "", string? instanceId = null) =>
        Broker.Run(() => Broker.Wire.CommitTransactionOffsetsAsync(
            Caller, new OffsetCommitCall { Group = group, Generation = memberGeneration, MemberId = memberId, InstanceId = instanceId, Offsets = [offset] }));

    public ProducerAnswer End(bool commit)
    {
        var answer = Broker.Run(() => Broker.Wire.EndTransactionAsync(Caller, commit));
        if (answer.Error == ErrorCode.None)
            Adopt(answer.Identity);
        return answer;
    }

    // A new identity begins to count anew.
    private void Adopt(ProducerIdentity identity)
    {
        if (identity != Identity)
            _sequences.Clear();
        Identity = identity;
    }

    private sealed class Operation : AppendOperation
    {
        public bool IsCompleted { get; private set; }

        public override void OnCompleted() => IsCompleted = true;
    }
}
