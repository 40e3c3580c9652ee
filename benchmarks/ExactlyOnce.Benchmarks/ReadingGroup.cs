using System.Diagnostics;
using ExactlyOnce.Benchmarks.Comparing;

namespace ExactlyOnce.Benchmarks;

/// <summary>A group whose consumers read what is passed through the topic, each its share of the partitions.</summary>
internal sealed class ReadingGroup(Broker broker, Topic<NoKey, int> topic) : IAsyncDisposable
{
    private readonly List<Consumer<NoKey, int>> _consumers = [];
    private readonly List<Task> _loops = [];
    private readonly int _partitions = broker.Admin.DescribeTopic(topic.Name)!.Partitions;
    private long _read;
    private long _passed;

    /// <summary>All have joined, and no partition is without its consumer, when this completes.</summary>
    public async Task JoinAsync(int consumers)
    {
        for (var i = 0; i < consumers; i++)
        {
            var consumer = broker.CreateConsumer(topic).InGroup(topic.Name).StartFrom(StartFrom.Earliest).Build();
            _consumers.Add(consumer);
            _loops.Add(Task.Run(() => ReadAsync(consumer)));
        }
        await WaitAsync(() =>
            _consumers.Sum(consumer => consumer.Assignment.Count) == _partitions && _consumers.All(consumer => consumer.Assignment.Count > 0));
    }

    /// <summary>Posts records to all partitions in turn and waits until each was read.</summary>
    public async Task PassAsync(int records)
    {
        await using var producer = broker.CreateProducer(topic).Build();
        for (var i = 0; i < records; i++)
            await producer.PostAsync(new ProducerRecord<NoKey, int>(default, Payload.Bytes) { Partition = i % _partitions });
        await producer.FlushAsync();
        _passed += records;
        await WaitAsync(() => Volatile.Read(ref _read) >= _passed);
        Verify.Equal(_passed, _read, "records were read");
    }

    private async Task ReadAsync(Consumer<NoKey, int> consumer)
    {
        await foreach (var batch in consumer.ReadBatchesAsync())
            Interlocked.Add(ref _read, batch.Count);
    }

    private static async Task WaitAsync(Func<bool> isDone)
    {
        for (var clock = Stopwatch.StartNew(); !isDone();)
        {
            if (clock.Elapsed > TimeSpan.FromMinutes(3))
                throw new InvalidOperationException("The group did not come to rest in three minutes.");
            await Task.Delay(1);
        }
    }

    /// <summary>All leave together: one after the other each would have the group share its partitions anew.</summary>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_consumers.Select(consumer => Task.Run(() => consumer.DisposeAsync().AsTask())));
        await Task.WhenAll(_loops);
    }
}
