using ExactlyOnce.Clients;
using ExactlyOnce.Engine.Backend;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Tests.Engine.Semantics;

/// <summary>Where a broker under test keeps its data.</summary>
public enum Place
{
    Memory,
    Folder,
}

/// <summary>A real broker under test, with a clock that stands still; in a folder it can be closed and opened again. Owns the folder.</summary>
internal sealed class TestBroker : IAsyncDisposable
{
    public static readonly Topic<string, string> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Utf8);
    public static readonly TopicPartition First = new("orders", 0);
    public static readonly TopicPartition Second = new("orders", 1);
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private readonly string? _directory;
    private readonly Action<BrokerOptions>? _configure;

    private TestBroker(string? directory, Action<BrokerOptions>? configure)
    {
        _directory = directory;
        _configure = configure;
    }

    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    public Broker Broker { get; private set; } = null!;

    public EngineBackend Backend => (EngineBackend)Broker.Backend;

    public BrokerEngine Engine => Backend.Engine;

    public BrokerAdmin Admin => Broker.Admin;

    public static async Task<TestBroker> OpenAsync(
        Place place = Place.Memory, int partitions = 1, Action<TopicOptions>? topic = null, Action<BrokerOptions>? configure = null)
    {
        var directory = place == Place.Folder ? Directory.CreateTempSubdirectory("exactlyonce-").FullName : null;
        var broker = new TestBroker(directory, configure);
        await broker.OpenAsync();
        await broker.Admin.CreateTopicAsync("orders", options =>
        {
            options.Partitions = partitions;
            topic?.Invoke(options);
        });
        await broker.Admin.CreateTopicAsync("invoices");
        return broker;
    }

    public async Task ReopenAsync()
    {
        await Broker.DisposeAsync();
        await OpenAsync();
    }

    public BackendPartition Partition(TopicPartition partition) => Backend.GetPartition(partition);

    public PartitionOffsets Offsets(TopicPartition partition) => Partition(partition).Offsets;

    public async Task<List<string>> ReadAsync(
        Topic<string, string>? topic = null, IsolationLevel isolation = IsolationLevel.ReadCommitted, int[]? partitions = null)
    {
        var values = new List<string>();
        await using var consumer = Broker.CreateConsumer(topic ?? Orders).WithIsolation(isolation).With(options => options.Partitions = partitions).Build();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    }

    public Task<TransactionalProducer> TransactionalAsync(string id = "checkout", TimeSpan? timeout = null) =>
        Broker.CreateTransactionalProducerAsync(
            id, new TransactionalProducerOptions { TransactionTimeout = timeout ?? TimeSpan.FromSeconds(60), MaxAttempts = 1, BatchSize = 512 });

    public async ValueTask DisposeAsync()
    {
        await Broker.DisposeAsync();
        if (_directory is not null)
            Directory.Delete(_directory, recursive: true);
    }

    private async Task OpenAsync()
    {
        var options = new BrokerOptions { Directory = _directory, TimeProvider = Clock };
        _configure?.Invoke(options);
        Broker = await Broker.OpenAsync(options, CancellationToken.None);
    }
}
