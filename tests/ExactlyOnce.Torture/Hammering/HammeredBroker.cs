using System.Text;
using ExactlyOnce.Clients;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>One life of a real broker: real clock, real threads, real files when it is durable. Everything it does for itself it does all the time.</summary>
internal sealed class HammeredBroker : IAsyncDisposable
{
    private HammeredBroker(EngineBackend backend, BrokerOptions options, HammerHistory history)
    {
        Backend = backend;
        History = history;
        Broker = new Broker(backend, options);
    }

    public Broker Broker { get; }

    public EngineBackend Backend { get; }

    public HammerHistory History { get; }

    public static HammeredBroker Open(string? directory, Durability durability, int incarnation, HammerHistory history)
    {
        var environment = new SystemEnvironment();
        var engine = BrokerEngine.Open(environment, new EngineOptions
        {
            Directory = directory,
            Durability = durability,
            JournalFileBytes = 4 << 20,
            CheckpointBytes = 1 << 20,
            TailBytesMax = 16 << 20,
            CheckpointInterval = TimeSpan.FromMilliseconds(100),
            HousekeepingInterval = TimeSpan.FromMilliseconds(50),
            SyncInterval = TimeSpan.FromMilliseconds(50),
        });
        history.Observe(new BrokerOpened(incarnation));
        return new HammeredBroker(new EngineBackend(engine), new BrokerOptions { Directory = directory, Environment = environment }, history);
    }

    public BackendPartition Partition(TopicPartition partition) => Backend.GetPartition(partition);

    /// <summary>Reads on from an offset, once, up to about so many bytes.</summary>
    /// <param name="partition">Where.</param>
    /// <param name="name">The partition as the history names it.</param>
    /// <param name="begin">From where.</param>
    /// <param name="isCommitted">read_committed.</param>
    /// <param name="bytesMax">How much.</param>
    public PartitionRead Read(BackendPartition partition, TopicPartition name, long begin, bool isCommitted, int bytesMax)
    {
        var records = new List<ReadRecord>();
        using var reader = partition.OpenReader(begin, isCommitted ? IsolationLevel.ReadCommitted : IsolationLevel.ReadUncommitted);
        var bytes = 0;
        while (bytes < bytesMax && reader.TryRead(Math.Min(bytesMax, 1 << 20), out var batches))
        {
            bytes += batches.Length;
            AddRecords(records, batches.Span, begin);
        }
        History.Count("reads", records.Count);
        // Taken behind the reading: what was read stands in front of it.
        var offsets = partition.Offsets;
        return new PartitionRead(name, begin, reader.NextOffset, isCommitted ? offsets.LastStable : offsets.HighWatermark, records);
    }

    /// <summary>Reads everything there is in the round's topics, as a client that is new. Nobody else is there.</summary>
    public void Scan(int process, bool isCommitted)
    {
        var partitions = HammerTopics.All.SelectMany(HammerTopics.PartitionsOf).ToArray();
        var scan = History.Invoke(process, new Scan(partitions, isCommitted, IsSnapshot: true));
        var reads = Array.ConvertAll(partitions, partition => ReadFromStart(partition, isCommitted));
        History.Complete(process, scan, answer: new RecordsAnswer(reads));
    }

    /// <summary>Committed offsets of a group.</summary>
    public async Task FetchAsync(int process, string group, TopicPartition[] partitions)
    {
        var fetch = History.Invoke(process, new FetchOffsets(group, partitions));
        try
        {
            var found = await Backend.FetchOffsetsAsync(group, partitions, CancellationToken.None);
            History.Complete(process, fetch, answer: new OffsetsAnswer(found.ToDictionary(pair => pair.Key, pair => pair.Value.Offset)));
        }
        catch (BrokerException exception)
        {
            History.Complete(process, fetch, HammerHistory.OutcomeOf(exception), error: exception.Code.ToString());
        }
    }

    public async ValueTask DisposeAsync() => await Broker.DisposeAsync();

    // Retention goes on when nobody else is there.
    private PartitionRead ReadFromStart(TopicPartition name, bool isCommitted)
    {
        while (true)
        {
            var partition = Partition(name);
            var start = partition.ReadableFrom;
            History.NoteLogStart(name, start);
            try
            {
                return Read(partition, name, start, isCommitted, int.MaxValue);
            }
            catch (BrokerException exception) when (exception.Code == ErrorCode.OffsetOutOfRange && partition.ReadableFrom > start)
            {
            }
        }
    }

    private void AddRecords(List<ReadRecord> records, ReadOnlySpan<byte> batches, long begin)
    {
        var sequence = new BatchSequence(batches);
        while (sequence.MoveNext())
        {
            var batch = Backend.Engine.Decompressor().Open(sequence.Current, sequence.Batch);
            while (batch.MoveNext())
                if (batch.Offset >= begin)
                    records.Add(new ReadRecord(batch.Offset, StampedValue.Decode(batch.Value, Encoding.UTF8.GetString(batch.Key)), batch.TimestampMs));
        }
    }
}
