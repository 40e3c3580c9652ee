using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// Ours, <c>Flushed</c>: each committer has a transactional producer and commits one transaction after the other, of a record of 100 bytes to each of 8
/// partitions and the position
/// of its own input partition, all in one group, as the workers of a service do.
/// </summary>
internal sealed class DurableTransactions : IAsyncDisposable
{
    private const int Outputs = 8;
    private const string Group = "workers";
    private const string Input = "input";

    private static readonly Topic<NoKey, int> s_output = Topic.Create("output", Payload.Serde);

    private readonly TemporaryFolder _folder;
    private readonly Broker _broker;
    private readonly TransactionalProducer[] _producers;
    private readonly long[] _positions;

    private DurableTransactions(TemporaryFolder folder, Broker broker, TransactionalProducer[] producers)
    {
        (_folder, _broker, _producers) = (folder, broker, producers);
        _positions = new long[producers.Length];
    }

    public static async Task<DurableTransactions> OpenAsync(int committers)
    {
        var folder = new TemporaryFolder();
        var broker = await Broker.CreateBuilder().UseDirectory(folder.Path)
            .AddTopic(s_output, topic => topic.Partitions = Outputs)
            .AddTopic(Input, topic => topic.Partitions = committers)
            .OpenAsync();
        var producers = new TransactionalProducer[committers];
        for (var i = 0; i < committers; i++)
            producers[i] = await broker.CreateTransactionalProducerAsync($"worker-{i}");
        return new DurableTransactions(folder, broker, producers);
    }

    public Contestant Committing(string name, TimeSpan duration) => new(name, share => MeasureAsync(duration * share));

    private async Task<Figure[]> MeasureAsync(TimeSpan duration)
    {
        var before = Verify.EndOffsets(_broker, s_output.Name);
        var run = await Committers.RunAsync(_producers.Length, duration, CommitAsync);
        const int RecordsAndMarkers = 2 * Outputs;
        Verify.Equal(run.Count * RecordsAndMarkers, Verify.EndOffsets(_broker, s_output.Name) - before, "records and markers are in the log");
        await VerifyPositionsAsync();
        return run.Figures(Quantity.Commits);
    }

    private async ValueTask CommitAsync(int committer)
    {
        await using var transaction = await _producers[committer].BeginTransactionAsync();
        for (var partition = 0; partition < Outputs; partition++)
            await transaction.SendAsync(s_output, new ProducerRecord<NoKey, int>(default, Payload.Bytes) { Partition = partition });
        var position = new CommittedOffset(++_positions[committer]);
        transaction.AddOffsets(new TransactionOffsets(
            Group, Member: null, new Dictionary<TopicPartition, CommittedOffset>(1) { [new TopicPartition(Input, committer)] = position }));
        await transaction.CommitAsync();
    }

    private async Task VerifyPositionsAsync()
    {
        var committed = await _broker.Admin.GetGroupOffsetsAsync(Group, Input);
        for (var i = 0; i < _positions.Length; i++)
            Verify.Equal(_positions[i], committed.GetValueOrDefault(new TopicPartition(Input, i)).Offset, $"is the position of committer {i}");
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        _folder.Dispose();
    }
}
