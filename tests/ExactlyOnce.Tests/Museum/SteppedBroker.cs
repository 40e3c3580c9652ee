using ExactlyOnce.Clients;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// One run of a broker on one thread and a simulated disk, which can be cut off at any disk operation; <see cref="Revive"/> is the next run. Nothing is closed
/// unless a test says so.
/// </summary>
internal sealed class SteppedBroker
{
    public const string Root = "/data";
    public const string Group = "billing";

    public static readonly EngineOptions Small = new() { JournalFileBytes = 256 << 10, CheckpointBytes = 1 << 20, TailBytesMax = 4 << 20 };

    private SteppedBroker(SimulatedDisk disk, EngineOptions options)
    {
        Disk = disk;
        Options = options with { Directory = Root, Durability = Durability.Flushed };
        Environment = new StepEnvironment(disk);
        Engine = BrokerEngine.Open(Environment, Options);
        // The runtime's list of meters would keep the broker and its disk for ever when it is never closed.
        Engine.Meter.Dispose();
        Backend = new EngineBackend(Engine);
        Broker = new Broker(Backend, new BrokerOptions { Directory = Root, Environment = Environment });
    }

    public SimulatedDisk Disk { get; }

    public EngineOptions Options { get; }

    public StepEnvironment Environment { get; }

    public BrokerEngine Engine { get; }

    public EngineBackend Backend { get; }

    public Broker Broker { get; }

    /// <summary>A broker in a new directory, with the topics orders (of two partitions) and invoices.</summary>
    public static SteppedBroker Create(EngineOptions? options = null, Action<TopicOptions>? topic = null)
    {
        var broker = new SteppedBroker(new SimulatedDisk(), options ?? Small);
        broker.Run(async () =>
        {
            await broker.Broker.Admin.CreateTopicAsync("orders", orders =>
            {
                orders.Partitions = 2;
                topic?.Invoke(orders);
            });
            await broker.Broker.Admin.CreateTopicAsync("invoices", topic);
        });
        return broker;
    }

    public static SteppedBroker Open(SimulatedDisk disk, EngineOptions? options = null) => new(disk, options ?? Small);

    /// <summary>The power fails, and the next run begins with what survived.</summary>
    public SteppedBroker Revive(CrashProfile profile = CrashProfile.LostSectors, int seed = 1, EngineOptions? options = null) =>
        new(Disk.Crash(profile, seed), options ?? Options);

    /// <summary>A clean end, and the next run.</summary>
    public SteppedBroker Reopen(EngineOptions? options = null)
    {
        Run(async () =>
        {
            await Broker.DisposeAsync();
            await new SchedulerHop(Environment.Completions);
        });
        return new SteppedBroker(Disk, options ?? Options);
    }

    public void Run(Func<Task> work) => Environment.Run(work);

    public T Run<T>(Func<Task<T>> work) => Environment.Run(work);

    /// <summary>Runs what may fail; answers how.</summary>
    public BrokerException? Try(Func<Task> work)
    {
        try
        {
            Run(work);
            return null;
        }
        catch (BrokerException exception)
        {
            return exception;
        }
    }

    public Partition Partition(TopicPartition partition) => Engine.Partitions.Find(partition)!;

    public PartitionOffsets Offsets(TopicPartition partition) => Backend.GetPartition(partition).Offsets;

    public List<string> Read(Topic<string, string>? topic = null, IsolationLevel isolation = IsolationLevel.ReadCommitted) => Run(async () =>
    {
        var values = new List<string>();
        await using var consumer = Broker.CreateConsumer(topic ?? TestBroker.Orders).WithIsolation(isolation).Build();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    });

    /// <summary>The group's committed offset; null for none. Fails when a transaction holds it.</summary>
    public long? CommittedOffset(TopicPartition partition)
    {
        var fetching = Run(() => Task.FromResult(Backend.FetchOffsetsAsync(Group, [partition], CancellationToken.None)));
        fetching.IsCompleted.Should().BeTrue("no open transaction holds the offset");
        return fetching.Result.TryGetValue(partition, out var offset) ? offset.Offset : null;
    }

    /// <summary>Nothing is open, and nothing is held back from committed readers.</summary>
    public void AssertNothingHangs()
    {
        foreach (var partition in Engine.Partitions.InOrder())
        {
            using (partition.Lock.Enter())
            {
                partition.State.OpenTransactions.Count.Should().Be(0, $"{partition.Name} has no open transaction");
                partition.State.LastStableOffset.Should().Be(partition.State.LogEndOffset);
                partition.State.AssertInvariants();
            }
        }
    }
}
