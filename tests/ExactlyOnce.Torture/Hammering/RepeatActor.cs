using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>Signs its batches itself and sends each of them from two threads at once, and old ones again: each must be there once.</summary>
internal sealed class RepeatActor(HammeredBroker broker, Random random, Topic<string, byte[]> topic) : HammerActor(broker, random)
{
    private const int Remembered = 4;

    private readonly Dictionary<TopicPartition, int> _sequences = [];
    private readonly Queue<HammerBatch> _sent = new();
    private ProducerSession? _producer;
    private int _session;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        if (_producer is null || Random.Next(500) == 0)
            await BeginAsync();
        var partition = new TopicPartition(topic.Name, Random.Next(HammerTopics.Partitions));
        var sequence = _sequences.GetValueOrDefault(partition);
        var writes = Enumerable.Range(0, Random.Next(1, 4)).Select(_ => NewRecord(topic, _session).Call with { Partition = partition }).ToArray();
        var batch = HammerBatch.Sign(Hammered, Process, _producer!, partition, sequence, writes);
        _sequences[partition] = Sequence.Add(sequence, batch.Count);
        var again = Random.Next(2) == 0 ? Task.Run(() => batch.SendAsync(isRetry: true), CancellationToken.None) : Task.CompletedTask;
        await batch.SendAsync(isRetry: false);
        await again;
        if (!batch.IsAcknowledged)
            History.Complain($"A batch of a producer that nobody fences was refused: {batch.Error}.");
        History.Count("records", batch.Count);
        _sent.Enqueue(batch);
        if (_sent.Count > Remembered)
            _sent.Dequeue();
        if (Random.Next(4) == 0)
            await Pick(_sent.ToArray()).SendAsync(isRetry: true);
    }

    private async Task BeginAsync()
    {
        _producer = await Hammered.Backend.InitProducerAsync(new ProducerRequest(), CancellationToken.None);
        _session = History.NewNumber();
        _sequences.Clear();
        _sent.Clear();
    }
}
