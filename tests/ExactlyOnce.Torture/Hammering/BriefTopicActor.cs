using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// Creates a topic under a name that it has used before, writes to it and reads it from several threads, and deletes it while they are at it. A topic made
/// again is another one: nothing of its predecessors may be in it.
/// </summary>
internal sealed class BriefTopicActor(HammeredBroker broker, Random random) : HammerActor(broker, random)
{
    private const int Writers = 2;
    private const int BatchesMax = 40;

    private readonly string _topic = $"brief-{broker.History.NewNumber()}";
    private int _incarnation;

    protected override async Task TurnAsync(CancellationToken stop)
    {
        // Its name in the history.
        var topic = $"{_topic}#{++_incarnation}";
        var creation = Invoke(new ChangeTopic(topic, TopicChange.Create, 1));
        await Broker.Admin.CreateTopicAsync(_topic, options => HammerTopics.Configure(options, HammerTopics.Plain), CancellationToken.None);
        Complete(creation);
        var partition = Hammered.Partition(new TopicPartition(_topic, 0));
        var name = new TopicPartition(topic, 0);
        var writing = Enumerable.Range(0, Writers).Select(_ => Task.Run(() => WriteAsync(name), CancellationToken.None)).ToList();
        if (Random.Next(2) == 0)
            await Task.WhenAll(writing);
        ReadAll(partition, name);
        var deletion = Invoke(new ChangeTopic(topic, TopicChange.Delete, 0));
        await Broker.Admin.DeleteTopicAsync(_topic, CancellationToken.None);
        Complete(deletion);
        await Task.WhenAll(writing);
        History.Count("topics");
        await Task.Delay(1, stop);
    }

    private void ReadAll(Clients.BackendPartition partition, TopicPartition name)
    {
        var scan = Invoke(new Scan([name], IsCommitted: true));
        Complete(scan, new RecordsAnswer([Hammered.Read(partition, name, begin: 0, isCommitted: true, int.MaxValue)]));
    }

    private async Task WriteAsync(TopicPartition name)
    {
        var producer = await Hammered.Backend.InitProducerAsync(new ProducerRequest(), CancellationToken.None);
        var (session, sequence) = (History.NewNumber(), 0);
        for (var batches = BatchesMax; batches > 0; batches--)
        {
            var batch = HammerBatch.Sign(Hammered, Process, producer, new TopicPartition(_topic, 0), sequence++, [new Write(name, History.NewNumber(), session)]);
            try
            {
                await batch.SendAsync(isRetry: false);
            }
            catch (BrokerException exception) when (exception.Code == ErrorCode.UnknownTopicOrPartition)
            {
                batch.Refuse(exception);
            }
            if (!batch.IsAcknowledged)
                return;
            History.Count("records");
        }
    }
}
