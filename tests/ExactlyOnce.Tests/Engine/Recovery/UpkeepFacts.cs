namespace ExactlyOnce.Tests.Engine.Recovery;

/// <summary>
/// A life in which logs also shrink: a compacted topic, one whose records are deleted and retained by size, one that comes and goes, and offsets that are put
/// into transactions by hand. What was asked for and what was acknowledged is kept, and <see cref="CheckAsync"/> holds a broker against it.
/// </summary>
internal sealed class UpkeepFacts(Promises promises)
{
    private const int Padding = 9_000;
    private const int Rounds = 3;
    private const long RetainBytes = 40_000;

    private static readonly Topic<string, string> s_prices = Topic.Create("prices", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_news = Topic.Create("news", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_doomed = Topic.Create("doomed", Serdes.Utf8, Serdes.Utf8);
    private static readonly TopicPartition s_newsPartition = new("news", 0);

    private readonly Dictionary<string, string> _prices = [];
    private readonly Dictionary<long, string> _news = [];
    private (string Key, string Value)? _priceAsked;
    private long _newsStart;
    private bool? _isDoomedThere = false;
    private int _count;

    public static Life Play(Testing.Disks.SimulatedDisk disk, Promises promises, UpkeepFacts facts)
    {
        var life = Life.Open(disk, promises);
        life.Run(facts.CreateTopicsAsync);
        for (var round = 0; round < Rounds; round++)
            facts.Round(life, round);
        return life;
    }

    /// <summary>After an opening: nothing acknowledged is gone, nothing deleted is back.</summary>
    public async Task CheckAsync(Life life)
    {
        await CheckPricesAsync(life);
        await CheckNewsAsync(life);
        if (_isDoomedThere is { } isThere && life.Broker.Admin.DescribeTopic(s_doomed.Name) is var found)
            Promises.Require(isThere == found is not null, $"The topic that comes and goes is {(isThere ? "gone" : "back")}.");
    }

    /// <summary>Everything goes on: the same rounds once more, from whatever was found.</summary>
    public void GoOn(Life life)
    {
        life.Run(CreateTopicsAsync);
        _isDoomedThere = life.Broker.Admin.DescribeTopic(s_doomed.Name) is not null;
        Round(life, 0);
    }

    private async Task CreateTopicsAsync(Life life)
    {
        promises.LeaveAlone(s_prices.Name);
        promises.LeaveAlone(s_news.Name);
        promises.LeaveAlone(s_doomed.Name);
        await life.CreateTopicsAsync();
        if (life.Broker.Admin.DescribeTopic(s_prices.Name) is null)
            await life.Broker.Admin.CreateTopicAsync(s_prices.Name, topic => { topic.Cleanup = CleanupPolicy.Compact; topic.SegmentBytes = 32 << 10; });
        if (life.Broker.Admin.DescribeTopic(s_news.Name) is null)
            await life.Broker.Admin.CreateTopicAsync(s_news.Name, topic => { topic.RetainBytes = RetainBytes; topic.SegmentBytes = 32 << 10; });
    }

    private void Round(Life life, int round)
    {
        life.Run(PublishAsync);
        life.Run(async now =>
        {
            for (var record = 0; record < 3; record++)
                await now.SendAsync(Life.Input, record % 2);
            await MoveByHandAsync(now);
        });
        life.Engine.Checkpoint();
        life.Engine.CompactLogs(life.Engine.NowMs);
        if (round % 2 == 0)
            life.Run(DeleteNewsAsync);
        else
            life.Engine.ApplyRetention(life.Engine.NowMs);
        life.Run(ComeOrGoAsync);
        life.Engine.Checkpoint();
    }

    private async Task PublishAsync(Life life)
    {
        for (var record = 0; record < 8; record++)
        {
            var price = ($"key-{record % 3}", $"{_count++}|" + new string('x', Padding));
            _priceAsked = price;
            await life.Broker.PublishAsync(s_prices, price.Item1, price.Item2);
            _prices[price.Item1] = price.Item2;
            _priceAsked = null;
            var news = $"{_count++}|" + new string('x', Padding);
            _news[(await life.Broker.PublishAsync(s_news, "k", news)).Offset!.Value] = news;
        }
    }

    /// <summary>Consume, process, produce in a loop of one's own: the promises' pipeline without a pipeline.</summary>
    private async Task MoveByHandAsync(Life life)
    {
        await using var consumer = life.Broker.CreateConsumer(Life.Input).InGroup(Life.Group).WithBatch(2).Build();
        await using var producer = await life.Broker.CreateTransactionalProducerAsync("by-hand");
        await using var batches = consumer.ReadBatchesAsync().GetAsyncEnumerator();
        while (await consumer.GetLagAsync() > 0 && await batches.MoveNextAsync())
        {
            await using var transaction = await producer.BeginTransactionAsync();
            foreach (var record in batches.Current)
                await transaction.SendAsync(Life.Output, record.Key, promises.Attempt(Life.OutputOf(record.Partition, record.Offset)));
            transaction.AddOffsets(consumer, batches.Current);
            await transaction.CommitAsync();
        }
    }

    private async Task DeleteNewsAsync(Life life) =>
        _newsStart = await life.Broker.Admin.DeleteRecordsAsync(s_newsPartition, _news.Keys.Max() - 2);

    private async Task ComeOrGoAsync(Life life)
    {
        var isThere = life.Broker.Admin.DescribeTopic(s_doomed.Name) is not null;
        _isDoomedThere = null;
        if (isThere)
            await life.Broker.Admin.DeleteTopicAsync(s_doomed.Name);
        else
            await life.Broker.Admin.CreateTopicAsync(s_doomed.Name);
        _isDoomedThere = !isThere;
        if (isThere)
            return;
        await using var producer = life.Broker.CreateProducer(s_doomed).Build();
        Promises.Require((await producer.SendAsync("k", "v")).Offset == 0, "A topic that was created anew begins with what it had before it was deleted.");
        // Enough for a folder of its own.
        for (var record = 0; record < 8; record++)
            await producer.SendAsync("k", new string('x', Padding));
    }

    private async Task CheckPricesAsync(Life life)
    {
        var found = new Dictionary<string, string>();
        if (life.Broker.Admin.DescribeTopic(s_prices.Name) is not null)
            await foreach (var record in Reader(life, s_prices))
                found[record.Key] = record.Value;
        if (_priceAsked is { } asked && found.GetValueOrDefault(asked.Key) == asked.Value)
            _prices[asked.Key] = asked.Value;
        _priceAsked = null;
        Promises.Require(found.Count == _prices.Count && found.All(price => _prices[price.Key] == price.Value), "The compacted topic does not say the last value of every key.");
    }

    private async Task CheckNewsAsync(Life life)
    {
        if (life.Broker.Admin.DescribeTopic(s_news.Name) is null)
            return;
        var start = life.Broker.Backend.GetPartition(s_newsPartition).Offsets.LogStart;
        Promises.Require(start >= _newsStart, $"Deleted records are back: the log starts at {start}, and its deletion up to {_newsStart} was acknowledged.");
        var found = new Dictionary<long, string>();
        await foreach (var record in Reader(life, s_news))
            found.Add(record.Offset, record.Value);
        Promises.Require(found.Keys.All(offset => offset >= start), "A record in front of the log's start was read.");
        foreach (var (offset, value) in _news)
            Promises.Require(offset < start || found.GetValueOrDefault(offset) == value, $"News {offset} was acknowledged and not deleted, and is lost.");
        Promises.Require(_news.Count < 4 || start <= _news.Keys.Max() - 2, "More was deleted than anybody asked for.");
        foreach (var (offset, value) in found)
            _news[offset] = value;
    }

    private static IAsyncEnumerable<ConsumerRecord<string, string>> Reader(Life life, Topic<string, string> topic) =>
        life.Broker.CreateConsumer(topic).Build().ReadToEndAsync();
}
