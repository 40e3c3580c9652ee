using System.Data.Common;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Sql.Tests.Outboxes;

public sealed class OutboxTests
{
    internal static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);
    private static readonly Topic<string, string> s_orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<NoKey, long> s_ticks = Topic.Create("ticks", Serdes.Int64);

    private readonly SqlOutbox _outbox = new();

    [Theory, OnSqlite, OnPostgres]
    public async Task What_was_committed_is_published_once_and_in_order_and_what_was_rolled_back_is_not(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await AddAsync(database, "1", "2");
        await AddAsync(database, commits: false, "never");
        await AddAsync(database, "3");

        await PublishAsync(broker, database.Source);
        await PublishAsync(broker, database.Source);

        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().Equal("1", "2", "3");
        (await database.QueryAsync<long>("SELECT count(*) FROM exactlyonce_outbox")).Should().Equal([0], "a row is deleted when its record is in the log");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_record_comes_out_as_it_went_in(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        var time = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
        var bytes = new RecordHeader("bytes", new byte[] { 0xFF, 0, 1 });
        await using (var connection = await database.Source.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await _outbox.AddAsync(transaction, s_orders, new ProducerRecord<string, string>("key", "värde")
            {
                Headers = [new("tenant", "acme"), bytes, new("nothing", (string?)null), new("tenant", "twice")],
                Timestamp = time,
            });
            await _outbox.AddAsync(transaction, s_orders, null!, null!);
            await _outbox.AddAsync(transaction, s_ticks, 42L);
            await transaction.CommitAsync();
        }

        await PublishAsync(broker, database.Source);

        var records = await ReadAsync(broker, s_orders);
        records[0].Should().Match<ConsumerRecord<string, string>>(record => record.Key == "key" && record.Value == "värde" && record.Timestamp == time);
        records[0].Headers.Select(header => header.Key).Should().Equal("tenant", "bytes", "nothing", "tenant");
        records[0].Headers[0].GetText().Should().Be("acme");
        records[0].Headers[1].Value!.Value.ToArray().Should().Equal(0xFF, 0, 1);
        records[0].Headers[2].Value.Should().BeNull();
        records[1].Should().Match<ConsumerRecord<string, string>>(record => !record.HasKey && record.IsTombstone);
        (await ReadAsync(broker, s_ticks)).Select(record => record.Value).Should().Equal(42);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_key_goes_to_the_partition_that_a_producer_would_send_it_to(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_orders.Name, topic => topic.Partitions = 7);
        await AddAsync(database, "1", "2", "3", "4", "5");
        await PublishAsync(broker, database.Source);
        foreach (var value in new[] { "1", "2", "3", "4", "5" })
            await broker.PublishAsync(s_orders, $"customer-{value}", value);

        var partitions = (await ReadAsync(broker, s_orders)).ToLookup(record => record.Key, record => record.Partition);

        partitions.Should().HaveCount(5).And.OnlyContain(key => key.Count() == 2 && key.Distinct().Count() == 1);
    }

    [Theory]
    [InlineData("before open")]
    [InlineData("before delete")]
    [InlineData("before select")]
    [InlineData("before commit")]
    [InlineData("after commit")]
    [InlineData("before update")]
    public async Task A_relay_that_loses_its_connection_goes_on_where_it_stopped(string step)
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var broker = Broker.CreateInMemory();
        await AddAsync(database, [.. Enumerable.Range(0, 10).Select(number => $"{number}")]);
        var steps = new FailAt();
        await using var stepped = new StepDataSource(database.Source, steps);
        var outbox = Configured(options =>
        {
            options.Dialect = SqlDialect.Sqlite;
            options.MaxBatchRows = 3;
            options.MaxRetryDelay = TimeSpan.FromMilliseconds(100);
        });
        var count = 0;
        // Every third of these steps fails.
        steps.When(told => told == step && ++count % 3 == 0);

        await using var relay = outbox.CreateRelay(broker, stepped);
        await relay.RunUntilEmptyAsync().WaitAsync(Soon);

        count.Should().BeGreaterThan(2);
        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().Equal(Enumerable.Range(0, 10).Select(number => $"{number}"));
    }

    [Fact]
    public async Task A_failure_that_is_waited_out_can_be_seen_and_is_gone_when_something_works_again()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var broker = Broker.CreateInMemory();
        await AddAsync(database, "1");
        var steps = new FailAt();
        await using var stepped = new StepDataSource(database.Source, steps);
        var outbox = Configured(options =>
        {
            options.Dialect = SqlDialect.Sqlite;
            options.MaxRetryDelay = TimeSpan.FromMilliseconds(100);
        });
        steps.When(_ => true);
        await using var relay = outbox.CreateRelay(broker, stepped);
        var running = relay.RunAsync();
        await EventuallyAsync(() => relay.Failure is LostConnectionException);

        steps.When(null);

        await EventuallyAsync(() => relay.Failure is null);
        running.IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task A_relay_whose_database_is_in_trouble_is_not_hurried_by_those_who_wake_it()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var broker = Broker.CreateInMemory();
        var (steps, time) = (new FailAt(), new FakeTimeProvider());
        await using var stepped = new StepDataSource(database.Source, steps);
        steps.When(_ => true);
        var outbox = Configured(options =>
            (options.Dialect, options.TimeProvider, options.MaxRetryDelay) = (SqlDialect.Sqlite, time, TimeSpan.FromSeconds(100)));
        await using var relay = outbox.CreateRelay(broker, stepped);
        relay.Wake();
        _ = relay.RunAsync();

        var seconds = 0;
        await EventuallyAsync(() =>
        {
            relay.Wake();
            time.Advance(TimeSpan.FromSeconds(1));
            seconds++;
            return steps.Steps.Count >= 4;
        });

        seconds.Should().BeGreaterThanOrEqualTo(1 + 2 + 4, "the waits are one, two and four seconds");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_relay_that_waits_publishes_at_once_when_it_is_woken(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        var outbox = Configured(options => options.PollInterval = TimeSpan.FromHours(1));
        await using var relay = outbox.CreateRelay(broker, database.Source);
        var running = relay.RunAsync();
        await AddAsync(database, "1");

        // Whatever the relay is at: somebody who waits for the record sees it although nobody polls again within an hour.
        await using var consumer = broker.CreateConsumer(s_orders).Build();
        using var patience = new CancellationTokenSource(Soon);
        await using var reading = consumer.ReadAllAsync(patience.Token).GetAsyncEnumerator(patience.Token);
        relay.Wake();
        (await reading.MoveNextAsync()).Should().BeTrue();

        reading.Current.Value.Should().Be("1");
        await relay.DisposeAsync();
        await running;
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_newer_relay_makes_the_older_one_stop(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        var outbox = Configured(options => options.PollInterval = TimeSpan.FromMilliseconds(1));
        await using var older = outbox.CreateRelay(broker, database.Source);
        await AddAsync(database, "1");
        var running = older.RunAsync();
        await ReadAsync(broker, s_orders, count: 1);

        await AddAsync(database, "2");
        await PublishAsync(broker, database.Source);
        await AddAsync(database, "3");

        (await running.Awaiting(task => task.WaitAsync(Soon)).Should().ThrowAsync<ClientInvalidatedException>()).Which.Should().Match(
            exception => exception is StaleEpochException || exception is ProducerFencedException);
        await PublishAsync(broker, database.Source);
        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().Equal("1", "2", "3");
    }

    // The older one has read rows and sleeps; it wakes when the newer has published them, opens a producer for them, and so fences that of the newer.
    [Theory, OnSqlite, OnPostgres]
    public async Task An_older_relay_that_wakes_up_late_stops_and_the_newer_one_goes_on(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        var outbox = Configured(options => (options.PollInterval, options.MaxRetryDelay) = (TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(100)));
        var sleeping = new SleepingConnections(database.Source);
        await using var older = new OutboxRelay(broker, sleeping, new SqlOutboxOptions { PollInterval = TimeSpan.FromMilliseconds(1) });
        await AddAsync(database, "1");
        var zombie = older.RunAsync();
        await sleeping.Asleep.WaitAsync(Soon);

        await using var newer = outbox.CreateRelay(broker, database.Source);
        var running = newer.RunAsync();
        await ReadAsync(broker, s_orders, count: 1);
        sleeping.WakeUp();
        // It is told by the next row that it wants to number, or to publish when the newer one has its producers back.
        var count = 1;
        using (var patience = new CancellationTokenSource(Soon))
            while (!zombie.IsCompleted && !running.IsCompleted)
            {
                patience.Token.ThrowIfCancellationRequested();
                await AddAsync(database, $"{++count}");
            }

        await zombie.Awaiting(task => task.WaitAsync(Soon)).Should().ThrowAsync<StaleEpochException>();
        (await ReadAsync(broker, s_orders, count)).Select(record => record.Value).Should().Equal(Enumerable.Range(1, count).Select(number => $"{number}"));
        running.IsCompleted.Should().BeFalse("who is newer is said by the database, and not by who has opened a producer last");
        await newer.DisposeAsync();
        await running;
    }

    // Once when the numbers are committed, and again when it is asked whether they were.
    [Theory, OnSqlite, OnPostgres]
    public async Task A_relay_that_loses_its_connection_twice_does_not_take_itself_for_another(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await AddAsync(database, "1", "2");
        var steps = new FailAt();
        await using var stepped = new StepDataSource(database.Source, steps);
        // The first commit is the claim's, the second that of the numbers; then the first question fails, and whatever might be committed by asking.
        var (commits, questions) = (0, 0);
        steps.When(step => step switch
        {
            "after commit" => ++commits is 2 or 3,
            "before select" => commits == 2 && questions++ == 0,
            _ => false,
        });
        var outbox = Configured(options => (options.Dialect, options.MaxRetryDelay) = (database.Dialect, TimeSpan.FromMilliseconds(100)));
        await using var relay = outbox.CreateRelay(broker, stepped);

        await relay.RunUntilEmptyAsync().WaitAsync(Soon);

        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().Equal("1", "2");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_row_that_cannot_be_published_stops_the_relay_and_is_named_and_nothing_overtakes_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await AddAsync(database, "1");
        await database.ExecuteAsync("INSERT INTO exactlyonce_outbox (topic, headers) VALUES ('orders', 'no JSON')");
        await AddAsync(database, "3");

        var publish = () => PublishAsync(broker, database.Source);

        (await publish.Should().ThrowAsync<SqlMismatchException>())
            .WithMessage("Row 2 of outbox 'outbox' cannot be written to topic 'orders'*headers*delete the row*");
        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().NotContain("3");
        await database.ExecuteAsync("UPDATE exactlyonce_outbox SET headers = NULL");
        await publish();
        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().Equal("1", null, "3");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_row_that_the_log_refuses_is_named_although_it_was_sent_with_others(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_orders.Name, topic => topic.MaxMessageBytes = 1_000);
        await AddAsync(database, "1", "2");
        await AddAsync(database, new string('x', 2_000));
        await AddAsync(database, "4");

        var publish = () => PublishAsync(broker, database.Source);

        (await publish.Should().ThrowAsync<SqlMismatchException>()).WithMessage("Row 3 of outbox*");
        await database.ExecuteAsync("DELETE FROM exactlyonce_outbox WHERE id = 3");
        await publish();
        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().Equal("1", "2", "4");
    }

    [Fact]
    public async Task A_topic_that_does_not_exist_and_may_not_be_created_stops_the_relay_and_is_named()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var broker = Broker.CreateInMemory(options => options.AutoCreateTopics = false);
        await AddAsync(database, "1");

        var publish = () => PublishAsync(broker, database.Source);

        (await publish.Should().ThrowAsync<SqlMismatchException>()).WithMessage("Row 1 of outbox 'outbox' cannot be written to topic 'orders'*");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_database_that_counts_from_the_beginning_again_is_refused_and_loses_nothing(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = Broker.CreateInMemory();
        await AddAsync(database, "1", "2", "3");
        await PublishAsync(broker, database.Source);
        await database.ClearAsync();
        await AddAsync(database, "4");

        var publish = () => PublishAsync(broker, database.Source);

        (await publish.Should().ThrowAsync<SqlMismatchException>()).WithMessage("*has row 2 of outbox 'outbox'*counted only to 0*");
        await database.ExecuteAsync("UPDATE exactlyonce_offsets SET next_offset = 3 WHERE consumer = 'outbox' AND topic = 'outbox'");
        await database.ExecuteAsync("UPDATE exactlyonce_outbox SET sequence_number = NULL");
        await publish();
        (await ReadAsync(broker, s_orders)).Select(record => record.Value).Should().Equal("1", "2", "3", "4");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_missing_outbox_is_named_together_with_the_script_that_creates_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateEmptyAsync(kind);

        var add = () => AddAsync(database, "1");

        (await add.Should().ThrowAsync<SqlMismatchException>()).WithMessage("*exactlyonce_outbox does not exist*CreateScript*");
    }

    [Fact]
    public async Task What_is_the_relay_s_to_say_is_refused_where_it_is_said()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();

        var add = async () => await _outbox.AddAsync(transaction, s_orders, new ProducerRecord<string, string>("key", "value") { Partition = 3 });

        await add.Should().ThrowAsync<ArgumentException>();
    }

    [Fact]
    public async Task A_time_that_no_topic_takes_is_refused_where_it_is_said_and_not_when_it_is_in_the_way()
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var record = new ProducerRecord<string, string>("key", "value") { Timestamp = DateTimeOffset.MinValue };

        var add = async () => await _outbox.AddAsync(transaction, s_orders, record);

        await add.Should().ThrowAsync<ArgumentOutOfRangeException>();
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Soon);
        while (!condition())
            await Task.Delay(5, patience.Token);
    }

    private static SqlOutbox Configured(Action<SqlOutboxOptions> configure) => new(configure);

    private Task AddAsync(TestDatabase database, params string[] values) => AddAsync(database, commits: true, values);

    private async Task AddAsync(TestDatabase database, bool commits, params string[] values)
    {
        await using var connection = await database.Source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var value in values)
            await _outbox.AddAsync(transaction, s_orders, $"customer-{value}", value);
        if (commits)
            await transaction.CommitAsync();
    }

    private async Task PublishAsync(Broker broker, DbDataSource source)
    {
        await using var relay = _outbox.CreateRelay(broker, source);
        await relay.RunUntilEmptyAsync().WaitAsync(Soon);
    }

    private static async Task<List<ConsumerRecord<TKey, TValue>>> ReadAsync<TKey, TValue>(Broker broker, Topic<TKey, TValue> topic, int count = 0)
    {
        var records = new List<ConsumerRecord<TKey, TValue>>();
        await using var consumer = broker.CreateConsumer(topic).Build();
        using var patience = new CancellationTokenSource(Soon);
        await foreach (var record in count == 0 ? consumer.ReadToEndAsync(patience.Token) : consumer.ReadAllAsync(patience.Token))
        {
            records.Add(record);
            if (records.Count == count)
                break;
        }
        return records;
    }
}
