namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// Ours, <c>Flushed</c>, one partition: each committer has a producer and awaits one send of 100 bytes after the other. They share the journal's group
/// commits.
/// </summary>
internal sealed class DurableCommitters : IAsyncDisposable
{
    public const string Name = "ExactlyOnce";

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("commits", Payload.Serde);

    private readonly TemporaryFolder _folder;
    private readonly Broker _broker;
    private readonly Producer<NoKey, int>[] _producers;

    private DurableCommitters(TemporaryFolder folder, Broker broker, Producer<NoKey, int>[] producers) =>
        (_folder, _broker, _producers) = (folder, broker, producers);

    public static async Task<DurableCommitters> OpenAsync(int committers)
    {
        var folder = new TemporaryFolder();
        var broker = await Broker.CreateBuilder().UseDirectory(folder.Path).AddTopic(s_topic).OpenAsync();
        var producers = new Producer<NoKey, int>[committers];
        for (var i = 0; i < committers; i++)
            producers[i] = await broker.CreateProducer(s_topic).BuildAsync();
        return new DurableCommitters(folder, broker, producers);
    }

    public Contestant Committing(TimeSpan duration, string name = Name) => new(name, share => MeasureAsync(duration * share));

    private async Task<Figure[]> MeasureAsync(TimeSpan duration)
    {
        var before = Verify.EndOffsets(_broker, s_topic.Name);
        var run = await Committers.RunAsync(_producers.Length, duration, async committer => await _producers[committer].SendAsync(default, Payload.Bytes));
        Verify.Equal(run.Count, Verify.EndOffsets(_broker, s_topic.Name) - before, "records are in the log");
        return run.Figures(Quantity.Commits);
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        _folder.Dispose();
    }
}
