using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>Creates, changes, grows and deletes topics, deletes records, looks at positions.</summary>
internal sealed class AdministratorClient(SimulatedBroker broker) : SimulatedClient(broker)
{
    private const int PartitionsMax = 4;

    protected override async Task TurnAsync(SimulationRandom random)
    {
        var name = TopicName(random.Below(Broker.Plan.Topics));
        try
        {
            if (Broker.Engine.State.Topics.Find(name) is not { } topic)
                await CreateAsync(Broker, Process, name, random);
            else
                await ChangeAsync(topic.Name, topic.Id, topic.Partitions, random);
        }
        catch (BrokerException)
        {
            // Refused, or the broker has failed: the history knows.
        }
    }

    public static string TopicName(int index) => $"t{index}";

    /// <summary>Options that make everything happen often.</summary>
    public static async Task CreateAsync(SimulatedBroker broker, int process, string name, SimulationRandom random)
    {
        var isPipeline = name is InputTopic or OutputTopic;
        var options = new TopicOptions { Partitions = random.Between(1, PartitionsMax), MessageIdWindow = broker.Plan.MessageIdWindow };
        Draw(options, isPipeline, random);
        if (!isPipeline && random.OneIn(8))
            options.TimestampType = TimestampType.LogAppendTime;
        if (!isPipeline && random.OneIn(3))
            options.Cleanup = random.OneIn(2) ? CleanupPolicy.Compact : CleanupPolicy.Compact | CleanupPolicy.Delete;
        // Its name in the history is that of the topic that comes of it, which is known at once.
        await broker.Backend.CreateTopicAsync(name, options, CancellationToken.None);
        if (broker.Device.HasCrashed)
            return;
        var created = broker.Engine.State.Topics.Find(name);
        if (created is null)
            return;
        broker.Complete(process, broker.Invoke(process, new ChangeTopic(broker.NameOf(created.Id, name), TopicChange.Create, created.Partitions)), Outcome.Ok);
    }

    public static async Task DeleteAsync(SimulatedBroker broker, int process, TopicRecord.Put topic)
    {
        var deletion = broker.Invoke(process, new ChangeTopic(broker.NameOf(topic.Id, topic.Name), TopicChange.Delete, 0));
        await broker.Backend.DeleteTopicAsync(topic.Name, CancellationToken.None);
        broker.Complete(process, deletion, Outcome.Ok);
    }

    private static void Draw(TopicOptions options, bool isPipeline, SimulationRandom random)
    {
        options.SegmentBytes = random.LogBetween(1024, 8192);
        options.SegmentAge = random.OneIn(2) ? TopicOptions.Forever : TimeSpan.FromSeconds(random.LogBetween(1, 3600));
        options.DuplicateWindowBatches = random.Between(5, 8);
        options.DeleteRetention = TimeSpan.FromSeconds(random.LogBetween(1, 3600));
        if (isPipeline)
            options.RetainFor = TopicOptions.Forever;
        else
        {
            options.RetainFor = random.OneIn(2) ? TopicOptions.Forever : TimeSpan.FromSeconds(random.LogBetween(1, 3600));
            options.RetainBytes = random.OneIn(2) ? -1 : random.LogBetween(100, 20_000);
        }
    }

    private async Task ChangeAsync(string name, Guid id, int partitions, SimulationRandom random)
    {
        var named = Broker.NameOf(id, name);
        switch (random.Below(12))
        {
            case 0:
                await AskAsync(new ChangeTopic(named, TopicChange.Delete, 0), () => DoneAsync(Broker.Backend.DeleteTopicAsync(name, CancellationToken.None)));
                break;
            case 1 when partitions < PartitionsMax:
                await AskAsync(new ChangeTopic(named, TopicChange.AddPartitions, partitions + 1), () => DoneAsync(Broker.Backend.AddPartitionsAsync(name, partitions + 1, CancellationToken.None)));
                break;
            case < 4:
                var options = Broker.Backend.TryGetTopic(name)!.Options.Clone();
                Draw(options, isPipeline: false, random);
                await Broker.Backend.AlterTopicAsync(name, options, CancellationToken.None);
                break;
            case < 7:
                await DeleteRecordsAsync(random);
                break;
            default:
                await FetchAsync($"positions-{random.Below(2)}");
                break;
        }
    }

    private async Task DeleteRecordsAsync(SimulationRandom random)
    {
        var partitions = Array.FindAll(Broker.Partitions(), partition => partition.Name.Topic is not (InputTopic or OutputTopic));
        if (partitions.Length == 0)
            return;
        var chosen = random.Pick(partitions);
        var offsets = new EnginePartition(Broker.Engine, chosen).Offsets;
        var before = offsets.LogStart + random.Below((int)(offsets.HighWatermark - offsets.LogStart) + 1);
        // Deleting nothing is answered without the journal, also when that has failed.
        if (before == offsets.LogStart)
            return;
        await AskAsync(
            new DeleteRecords(Broker.NameOf(chosen), before),
            async () => new OffsetAnswer(await Broker.Backend.DeleteRecordsAsync(chosen.Name, before, CancellationToken.None)),
            answer => answer);
    }

    private async Task FetchAsync(string group)
    {
        var names = new Dictionary<TopicPartition, TopicPartition>();
        foreach (var partition in Broker.Partitions())
            names.Add(partition.Name, Broker.NameOf(partition));
        await AskAsync(
            new FetchOffsets(group, [.. names.Values]),
            async () =>
            {
                var found = await Broker.Backend.FetchOffsetsAsync(group, names.Keys, CancellationToken.None);
                return new OffsetsAnswer(found.ToDictionary(pair => names[pair.Key], pair => pair.Value.Offset));
            },
            answer => answer);
    }

    private static async ValueTask<object> DoneAsync(ValueTask work)
    {
        await work;
        return "done";
    }
}
