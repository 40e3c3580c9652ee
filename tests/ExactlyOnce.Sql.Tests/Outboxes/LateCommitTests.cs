using ExactlyOnce.Sql.Tests.Databases;

namespace ExactlyOnce.Sql.Tests.Outboxes;

/// <summary>
/// Identity values of concurrent transactions become visible in any order: row 2 before row 1. A reader that remembers the highest one it has seen loses row 1.
/// </summary>
public sealed class LateCommitTests
{
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private readonly SqlOutbox _outbox = new(options =>
    {
        options.PollInterval = TimeSpan.FromMilliseconds(1);
        options.MaxBatchRows = 7;
        options.MaxRetryDelay = TimeSpan.FromMilliseconds(100);
    });

    // SQLite has one writer at a time, so its rows become visible in order.
    [Theory, OnPostgres]
    public async Task A_row_that_is_committed_after_younger_rows_were_published_is_not_passed_over(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await using var early = await database.Source.OpenConnectionAsync();
        await using var late = await early.BeginTransactionAsync();
        await _outbox.AddAsync(late, s_orders, "customer", "late");
        for (var number = 0; number < 20; number++)
            await AddAsync(database, "customer", $"{number}");
        await PublishAsync(broker, database);
        (await ReadAsync(broker)).Should().HaveCount(20).And.NotContain("late", "it is not committed");

        await late.CommitAsync();
        await AddAsync(database, "customer", "younger");
        await PublishAsync(broker, database);

        (await ReadAsync(broker))[20..].Should().Equal("late", "younger");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Concurrent_writers_and_relays_that_take_over_from_each_other_lose_nothing_and_repeat_nothing(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_orders.Name, topic => topic.Partitions = 3);
        using var written = new CancellationTokenSource();
        var relays = Enumerable.Range(0, 2).Select(_ => Task.Run(() => RelayUntilAsync(broker, database, written.Token))).ToList();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(() => WriteAsync(database, writer, kind == DatabaseKind.Sqlite ? 15 : 40))))
            .WaitAsync(OutboxTests.Soon);
        await written.CancelAsync();
        await Task.WhenAll(relays).WaitAsync(OutboxTests.Soon);
        await PublishAsync(broker, database);

        var committed = await database.EffectsAsync();
        var published = await ReadAsync(broker);
        published.Should().BeEquivalentTo(committed);
        published.Should().OnlyHaveUniqueItems();
        foreach (var writer in published.ToLookup(value => value.Split('/')[0], value => int.Parse(value.Split('/')[1])))
            writer.Should().BeInAscendingOrder("a writer's transactions came one after the other, under one key");
    }

    /// <summary>Transactions of one to three rows, some of them long, some rolled back. The effects say which were committed.</summary>
    private async Task WriteAsync(TestDatabase database, int writer, int transactions)
    {
        var chance = new Random(writer);
        var number = 0;
        for (var i = 0; i < transactions; i++)
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            for (var rows = chance.Next(1, 4); rows > 0; rows--)
            {
                var value = $"{writer}/{number++}";
                await connection.Write(transaction, $"INSERT INTO effects (partition_index, record_offset, value) VALUES ({writer}, {number}, '{value}')")
                    .ExecuteAsync(CancellationToken.None);
                await _outbox.AddAsync(transaction, s_orders, $"{writer}", value);
                if (database.Kind == DatabaseKind.PostgreSql)
                    await Task.Delay(chance.Next(0, 8));
            }
            if (chance.Next(5) > 0)
                await transaction.CommitAsync();
        }
    }

    /// <summary>Starts a relay again and again; each makes the other's stop.</summary>
    private async Task RelayUntilAsync(Broker broker, TestDatabase database, CancellationToken written)
    {
        while (!written.IsCancellationRequested)
        {
            await using var relay = _outbox.CreateRelay(broker, database.Source);
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(written);
            ending.CancelAfter(20);
            try
            {
                await relay.RunAsync(ending.Token);
            }
            catch (ClientInvalidatedException)
            {
                // The other one has taken over.
            }
        }
    }

    private async Task AddAsync(TestDatabase database, string key, string value)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await _outbox.AddAsync(transaction, s_orders, key, value);
        await transaction.CommitAsync();
    }

    private async Task PublishAsync(Broker broker, TestDatabase database)
    {
        await using var relay = _outbox.CreateRelay(broker, database.Source);
        await relay.RunUntilEmptyAsync().WaitAsync(OutboxTests.Soon);
    }

    private static async Task<List<string>> ReadAsync(Broker broker)
    {
        await using var consumer = broker.CreateConsumer(s_orders).Build();
        var values = new List<string>();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    }
}
