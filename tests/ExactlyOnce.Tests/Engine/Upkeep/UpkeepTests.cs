using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Tests.Readme;

namespace ExactlyOnce.Tests.Engine.Upkeep;

/// <summary>What a broker does for itself, seen through the public API: compaction and the internal topics.</summary>
public sealed class UpkeepTests : IDisposable
{
    private const int Keys = 10;
    private const int Rounds = 300;

    private static readonly Topic<string, string> s_prices = Topic.Create("prices", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<byte[], byte[]> s_offsets = Topic.Create(InternalTopicNames.ConsumerOffsets, Serdes.Bytes, Serdes.Bytes);
    private static readonly Topic<byte[], byte[]> s_transactions = Topic.Create(InternalTopicNames.TransactionState, Serdes.Bytes, Serdes.Bytes);

    private readonly string _folder = Directory.CreateTempSubdirectory("exactlyonce-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_compacted_topic_in_memory_keeps_the_last_committed_value_of_every_key()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_prices.Name, topic => topic.Cleanup = CleanupPolicy.Compact);
        await FillAsync(broker);

        EngineOf(broker).CompactLogs(EngineOf(broker).NowMs);

        await CheckAsync(broker);
    }

    [Fact]
    public async Task A_compacted_topic_on_disk_keeps_the_last_committed_value_of_every_key_also_after_reopening()
    {
        await using (var broker = await OpenAsync())
        {
            await FillAsync(broker);
            EngineOf(broker).Checkpoint();
            var before = LogBytes();

            EngineOf(broker).CompactLogs(EngineOf(broker).NowMs);

            LogBytes().Should().BeLessThan(before / 2, "most values were replaced by later ones");
            await CheckAsync(broker);
        }
        await using var reopened = await OpenAsync();
        await CheckAsync(reopened);
    }

    [Fact]
    public async Task A_retry_is_recognised_after_the_compaction_of_its_original()
    {
        await using var broker = await OpenAsync();
        await FillAsync(broker);
        await using var producer = broker.CreateProducer(s_prices).Build();
        await producer.SendAsync("key-0", "again");
        EngineOf(broker).Checkpoint();
        EngineOf(broker).CompactLogs(EngineOf(broker).NowMs);

        var next = await producer.SendAsync("key-0", "and again");

        next.IsDuplicate.Should().BeFalse("the producer's sequence goes on where it was");
        (await LastValuesAsync(broker))["key-0"].Should().Be("and again");
    }

    [Fact]
    public async Task A_batch_that_no_journal_frame_can_hold_is_refused_and_writing_goes_on()
    {
        await using var broker = await Broker.CreateBuilder().UseDirectory(_folder).Configure(options => options.JournalFileBytes = 4 << 20).OpenAsync();
        await using var producer = broker.CreateProducer(s_prices).Build();

        await FluentActions.Awaiting(() => producer.SendAsync("key", new string('x', 1_047_000)).AsTask()).Should().ThrowAsync<BrokerException>();

        await using var next = broker.CreateProducer(s_prices).Build();
        (await next.SendAsync("key", "small")).Offset.Should().Be(0);
    }

    [Fact]
    public async Task The_internal_topics_say_in_Kafkas_formats_what_groups_and_transactions_have_committed()
    {
        await using var broker = await OpenAsync();
        await using (var producer = broker.CreateProducer(s_prices).Build())
            await producer.SendAsync("key", "1");
        await using (var pipeline = broker.CreatePipeline("copy").Read(s_prices).Process((_, _, _) => default))
            await pipeline.RunUntilCaughtUpAsync();

        EngineOf(broker).ProjectInternalTopics(EngineOf(broker).NowMs);
        await VisibilityWait.For(EngineOf(broker), EngineOf(broker).Journal.AppendedLsn);

        var offset = (await Read.AllAsync(broker, s_offsets)).Single();
        var key = GroupLogFormat.ReadKey(offset.Key);
        (key.Group, key.Topic, key.Index).Should().Be(("copy", s_prices.Name, 0));
        GroupLogFormat.ReadOffsetValue(offset.Value).Offset.Should().Be(1);
        var transaction = (await Read.AllAsync(broker, s_transactions)).Single();
        TransactionLogFormat.ReadKey(transaction.Key).Should().StartWith("copy");
        TransactionLogFormat.ReadValue(transaction.Value).State.Should().Be(TransactionState.CompleteCommit);
    }

    [Theory]
    [InlineData(InternalTopicNames.ConsumerOffsets)]
    [InlineData(InternalTopicNames.TransactionState)]
    public async Task Nobody_but_the_broker_creates_writes_or_changes_its_own_topics(string name)
    {
        await using var broker = await OpenAsync();
        await using (var prices = broker.CreateProducer(s_prices).Build())
            await prices.SendAsync("key", "1");
        var topic = Topic.Create(name, Serdes.Utf8, Serdes.Utf8);
        await RefusedAsync(() => broker.Admin.CreateTopicAsync(name));
        await RefusedAsync(() => broker.CreateProducer(topic).Build().SendAsync("key", "forged").AsTask());
        await using (var pipeline = broker.CreatePipeline("copy").Read(s_prices).Process((_, _, _) => default))
            await pipeline.RunUntilCaughtUpAsync();
        EngineOf(broker).ProjectInternalTopics(EngineOf(broker).NowMs);
        await VisibilityWait.For(EngineOf(broker), EngineOf(broker).Journal.AppendedLsn);
        var end = broker.Backend.GetPartition(new TopicPartition(name, 0)).Offsets.HighWatermark;

        await RefusedAsync(() => broker.CreateProducer(topic).Build().SendAsync("key", "forged").AsTask());
        await RefusedAsync(() => broker.CreateProducer(topic).WithIdentity("forger").Build().SendAsync("key", "forged", sourceSequence: 1).AsTask());
        await RefusedAsync(async () =>
        {
            await using var producer = await broker.CreateTransactionalProducerAsync("forger");
            await using var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(topic, "key", "forged");
            await transaction.CommitAsync();
        });
        await RefusedAsync(() => broker.Admin.AlterTopicAsync(name, options => options.Cleanup = CleanupPolicy.Delete));
        await RefusedAsync(() => broker.Admin.AddPartitionsAsync(name, 2));
        await RefusedAsync(() => broker.Admin.DeleteTopicAsync(name));

        broker.Backend.GetPartition(new TopicPartition(name, 0)).Offsets.HighWatermark.Should().Be(end);

        static async Task RefusedAsync(Func<Task> ask)
        {
            var refused = (await FluentActions.Awaiting(ask).Should().ThrowAsync<BrokerException>()).Which;
            (refused.InnerException as BrokerException ?? refused).Code.Should().Be(ErrorCode.InvalidTopic);
            refused.ToString().Should().Contain("the broker's own");
        }
    }

    private static BrokerEngine EngineOf(Broker broker) => ((EngineBackend)broker.Backend).Engine;

    private async Task<Broker> OpenAsync() => await Broker.CreateBuilder()
        .UseDirectory(_folder)
        .AddTopic(s_prices, topic =>
        {
            topic.Cleanup = CleanupPolicy.Compact;
            topic.SegmentBytes = 32 << 10;
        })
        .OpenAsync();

    /// <summary>Every key many times, the last round in a transaction that is aborted.</summary>
    private static async Task FillAsync(Broker broker)
    {
        await using (var producer = broker.CreateProducer(s_prices).Build())
            for (var round = 0; round < Rounds; round++)
                for (var key = 0; key < Keys; key++)
                    await producer.SendAsync($"key-{key}", $"{key}:{round}");
        await using var aborting = await broker.CreateTransactionalProducerAsync("aborting");
        await using var transaction = await aborting.BeginTransactionAsync();
        for (var key = 0; key < Keys; key++)
            await transaction.SendAsync(s_prices, $"key-{key}", "aborted");
        await transaction.AbortAsync();
    }

    private static async Task CheckAsync(Broker broker)
    {
        var records = await Read.AllAsync(broker, s_prices);
        records.Count.Should().BeLessThan(Keys * Rounds / 2, "it was compacted");
        records.Select(record => record.Offset).Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
        (await LastValuesAsync(broker)).Should().BeEquivalentTo(
            Enumerable.Range(0, Keys).ToDictionary(key => $"key-{key}", key => $"{key}:{Rounds - 1}"));
    }

    private static async Task<Dictionary<string, string>> LastValuesAsync(Broker broker)
    {
        var last = new Dictionary<string, string>();
        foreach (var record in await Read.AllAsync(broker, s_prices))
            last[record.Key] = record.Value;
        return last;
    }

    private long LogBytes() => Directory.EnumerateFiles(_folder, "*.log", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
}
