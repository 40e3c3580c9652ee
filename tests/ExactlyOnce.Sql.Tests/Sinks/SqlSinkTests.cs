using System.Data;
using System.Data.Common;
using ExactlyOnce.Sql.Sinks;
using ExactlyOnce.Sql.Tests.Crashes;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;

namespace ExactlyOnce.Sql.Tests.Sinks;

public sealed class SqlSinkTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(60);
    private static readonly TopicPartition s_partition = new(Numbers.Topic.Name, 0);

    [Theory, OnSqlite, OnPostgres]
    public async Task A_pipeline_writes_each_record_once_and_its_offset_with_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(10, partitions: 3);

        await CatchUpAsync(broker, database.Source);
        await CatchUpAsync(broker, database.Source);

        (await database.EffectsAsync()).Should().BeEquivalentTo(Numbers.Below(10));
        (await database.QueryAsync<long>("SELECT next_offset FROM exactlyonce_offsets ORDER BY partition_index")).Should().Equal(4, 3, 3);
        (await broker.Admin.GetGroupOffsetsAsync(Numbers.Consumer, Numbers.Topic.Name)).Should().BeEmpty("the database keeps the offsets, and nobody else");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Several_workers_share_the_partitions_and_write_each_record_once(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(200, partitions: 4);
        await using var pipeline = Numbers.CreatePipeline(broker, batch: 7).WithWorkers(3).IntoDatabase(database.Source, Numbers.InsertAsync);

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await database.EffectsAsync()).Should().BeEquivalentTo(Numbers.Below(200));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Two_consumers_of_one_topic_do_not_share_their_progress(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(2);

        await CatchUpAsync(broker, database.Source);
        await CatchUpAsync(broker, database.Source, configure: options => options.Consumer = "another");

        (await database.EffectsAsync()).Should().Equal("0", "0", "1", "1");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_handler_that_fails_leaves_nothing_behind_and_is_tried_again(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var failures = 2;
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDatabase(database.Source, async (batch, transaction, ct) =>
        {
            await Numbers.InsertAsync(batch, transaction, ct);
            if (failures-- > 0)
                throw new FormatException("a bad day");
        });

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_dead_lettered_record_is_stepped_over_and_its_neighbours_are_written(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var dead = Topic.Create("numbers.dead", Serdes.Utf8);
        var builder = Numbers.CreatePipeline(broker).WithRetry(1).DeadLetterTo(dead);
        await using var pipeline = builder.IntoDatabase(database.Source, async (batch, transaction, ct) =>
        {
            await Numbers.InsertAsync(batch, transaction, ct);
            if (batch.Values.Contains("1"))
                throw new FormatException("not that one");
        });

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await database.EffectsAsync()).Should().Equal("0", "2");
        (await database.OffsetAsync(Numbers.Consumer)).NextOffset.Should().Be(3);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_beginning_behind_the_earliest_record_is_remembered_before_anything_is_written(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(2);
        await using (var pipeline = Numbers.CreatePipeline(broker).StartFrom(StartFrom.Latest).IntoDatabase(database.Source, Numbers.InsertAsync))
            await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
        await broker.PublishAsync(Numbers.Topic, "2");

        await using var again = Numbers.CreatePipeline(broker).StartFrom(StartFrom.Latest).IntoDatabase(database.Source, Numbers.InsertAsync);
        await again.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await database.EffectsAsync()).Should().Equal("2");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_zombie_is_refused_as_soon_as_another_has_taken_over(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var zombie = CreateSink(broker, database.Source);
        var successor = CreateSink(broker, database.Source);
        await zombie.LoadNextOffsetAsync(s_partition, default);
        await successor.LoadNextOffsetAsync(s_partition, default);

        var refused = () => WriteAllAsync(broker, zombie);

        (await refused.Should().ThrowAsync<StaleEpochException>()).Which.Recovery.Should().Be(ErrorRecovery.RecreateClient);
        (await database.EffectsAsync()).Should().BeEmpty();
        await WriteAllAsync(broker, successor);
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Looking_how_far_a_partition_is_takes_nothing_over(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var owner = CreateSink(broker, database.Source);
        (await CreateSink(broker, database.Source).PeekNextOffsetAsync(s_partition, default)).Should().BeNull();
        await owner.LoadNextOffsetAsync(s_partition, default);

        (await CreateSink(broker, database.Source).PeekNextOffsetAsync(s_partition, default)).Should().BeNull();
        await WriteAllAsync(broker, owner);

        (await CreateSink(broker, database.Source).PeekNextOffsetAsync(s_partition, default)).Should().Be(3);
    }

    // SQLite has one writer: there a sleeping zombie keeps everybody out, and what it does afterwards is refused or was first.
    [Theory, OnPostgres]
    public async Task A_zombie_that_sleeps_in_its_transaction_keeps_nobody_out_and_is_refused_when_it_wakes(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var (asleep, waking) = (new TaskCompletionSource(), new TaskCompletionSource());
        var zombie = CreateSink(broker, database.Source, async (batch, transaction, ct) =>
        {
            await Numbers.InsertAsync(batch, transaction, ct);
            asleep.SetResult();
            await waking.Task;
        });
        var writing = WriteAllAsync(broker, zombie);
        await asleep.Task.WaitAsync(s_soon);

        await CatchUpAsync(broker, database.Source);
        waking.SetResult();

        await writing.Awaiting(task => task).Should().ThrowAsync<StaleEpochException>();
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_zombie_whose_effects_collide_is_told_that_it_is_one(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await database.ExecuteAsync("CREATE UNIQUE INDEX once ON effects (partition_index, record_offset)");
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var zombie = CreateSink(broker, database.Source);
        await zombie.LoadNextOffsetAsync(s_partition, default);
        await CatchUpAsync(broker, database.Source);

        var colliding = () => WriteAllAsync(broker, zombie);

        (await colliding.Should().ThrowAsync<StaleEpochException>()).WithInnerException<DbException>();
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Two_that_take_a_new_partition_over_at_the_same_time_both_succeed_and_one_of_them_is_the_last(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var sinks = Enumerable.Range(0, 6).Select(_ => CreateSink(broker, database.Source)).ToList();

        await Task.WhenAll(sinks.Select(sink => Task.Run(async () => await sink.LoadNextOffsetAsync(s_partition, default)))).WaitAsync(s_soon);

        var refusals = 0;
        foreach (var sink in sinks)
            try
            {
                await WriteAllAsync(broker, sink);
            }
            catch (StaleEpochException)
            {
                refusals++;
            }
        refusals.Should().Be(sinks.Count - 1);
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_topic_that_was_replaced_under_a_database_is_refused_and_not_skipped(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using (var first = await Numbers.CreateBrokerAsync(9))
            await CatchUpAsync(first, database.Source);
        var before = await database.OffsetAsync(Numbers.Consumer);

        foreach (var count in new[] { 4, 9, 14 })
        {
            await using var replaced = await Numbers.CreateBrokerAsync(count);
            var catchUp = () => CatchUpAsync(replaced, database.Source);
            (await catchUp.Should().ThrowAsync<SqlMismatchException>("the new topic has {0} records of its own", count))
                .WithMessage("*counts the records of an earlier topic*delete that row*");
        }

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(9));
        (await database.OffsetAsync(Numbers.Consumer)).Should().Be(before, "whoever is refused takes nothing over");
        await database.ExecuteAsync("DELETE FROM exactlyonce_offsets");
        await using var again = await Numbers.CreateBrokerAsync(2);
        await CatchUpAsync(again, database.Source);
        (await database.EffectsAsync()).Should().Equal("0", "0", "1", "1", "2", "3", "4", "5", "6", "7", "8");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_log_that_ends_in_front_of_what_the_database_has_is_refused(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        await CatchUpAsync(broker, database.Source);
        await database.ExecuteAsync("UPDATE exactlyonce_offsets SET next_offset = 9");

        var catchUp = () => CatchUpAsync(broker, database.Source);

        (await catchUp.Should().ThrowAsync<SqlMismatchException>()).WithMessage("*everything below 9 is done*");
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task An_offset_that_is_set_back_is_read_from_again(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        await CatchUpAsync(broker, database.Source);
        await database.ExecuteAsync("UPDATE exactlyonce_offsets SET next_offset = 1");

        await CatchUpAsync(broker, database.Source);

        (await database.EffectsAsync()).Should().Equal("0", "1", "1", "2", "2");
    }

    // A constraint that is looked at when the transaction commits: the commit fails, and has had no effect.
    [Theory, OnSqlite, OnPostgres]
    public async Task A_commit_that_the_database_refuses_moves_nothing_and_is_tried_again(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await database.ExecuteAsync("CREATE TABLE parents (id bigint PRIMARY KEY)");
        await database.ExecuteAsync("CREATE TABLE children (parent bigint NOT NULL REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)");
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var attempts = 0;
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDatabase(database.Source, async (batch, transaction, ct) =>
        {
            await Numbers.InsertAsync(batch, transaction, ct);
            if (attempts++ < 2)
                await transaction.Connection!.Write(transaction, "INSERT INTO children (parent) VALUES (7)").ExecuteAsync(ct);
        });

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        attempts.Should().Be(3);
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    // SQLite ends a transaction of its own accord, for example at this statement; what is sent afterwards would be carried out outside of any.
    [Theory, OnSqlite]
    public async Task A_transaction_that_the_database_has_ended_moves_nothing_although_the_handler_hides_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await database.ExecuteAsync("CREATE TABLE once (id INTEGER PRIMARY KEY)");
        await database.ExecuteAsync("INSERT INTO once (id) VALUES (1)");
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var attempts = 0;
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDatabase(database.Source, async (batch, transaction, ct) =>
        {
            await Numbers.InsertAsync(batch, transaction, ct);
            if (attempts++ > 0)
                return;
            var insert = () => transaction.Connection!.Write(transaction, "INSERT OR ROLLBACK INTO once (id) VALUES (1)").ExecuteAsync(ct).AsTask();
            await insert.Should().ThrowAsync<DbException>();
        });

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_missing_table_is_named_together_with_the_script_that_creates_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateEmptyAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(1);

        var catchUp = () => CatchUpAsync(broker, database.Source);

        (await catchUp.Should().ThrowAsync<SqlMismatchException>()).WithMessage("*exactlyonce_offsets does not exist*CreateScript*");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_handler_must_not_end_the_transaction(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(1);
        await using var pipeline = Numbers.CreatePipeline(broker).WithRetry(1)
            .IntoDatabase(database.Source, async (_, transaction, ct) => await transaction.CommitAsync(ct));

        var catchUp = () => pipeline.RunUntilCaughtUpAsync();

        (await catchUp.Should().ThrowAsync<HandlerFailedException>())
            .WithInnerException<InvalidOperationException>().WithMessage("*must leave that to the sink*");
        (await database.OffsetAsync(Numbers.Consumer)).NextOffset.Should().Be(-1);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Other_tables_can_be_used(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await SqlTables.CreateAsync(database.Source, offsetTable: "My_Offsets", outboxTable: "My_Outbox");
        await using var broker = await Numbers.CreateBrokerAsync(3);

        await CatchUpAsync(broker, database.Source, options =>
        {
            options.Table = "My_Offsets";
            options.Isolation = System.Data.IsolationLevel.Serializable;
        });

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
        (await database.QueryAsync<long>("SELECT next_offset FROM \"My_Offsets\"")).Should().Equal(3);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Tables_can_be_in_a_schema(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        // In SQLite the schemas are the databases of the connection.
        var schema = kind == DatabaseKind.Sqlite ? "main" : "billing";
        if (kind == DatabaseKind.PostgreSql)
            await database.ExecuteAsync("CREATE SCHEMA billing");
        var (offsets, rows) = ($"{schema}.Offsets", $"{schema}.Outbox");
        await SqlTables.CreateAsync(database.Source, offsetTable: offsets, outboxTable: rows);
        await SqlTables.CreateAsync(database.Source, offsetTable: offsets, outboxTable: rows);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var outbox = new SqlOutbox(options => (options.OffsetTable, options.Table) = (offsets, rows));
        var copies = Topic.Create("copies", Serdes.Utf8);
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDatabase(
            database.Source,
            async (batch, transaction, ct) =>
            {
                foreach (var record in batch)
                    await outbox.AddAsync(transaction, copies, record.Value, ct);
            },
            options => options.Table = offsets);
        await using var relay = outbox.CreateRelay(broker, database.Source);

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
        await relay.RunUntilEmptyAsync().WaitAsync(s_soon);

        await using var consumer = broker.CreateConsumer(copies).Build();
        (await consumer.ReadToEndAsync().Select(record => record.Value).ToListAsync()).Should().Equal(Numbers.Below(3));
        (await database.QueryAsync<long>($"SELECT next_offset FROM {schema}.\"Offsets\"")).Should().Equal(3, 3);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Programs_that_create_the_tables_at_the_same_time_do_not_disturb_each_other(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateEmptyAsync(kind);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => SqlTables.CreateAsync(database.Source)))).WaitAsync(s_soon);

        (await database.QueryAsync<long>("SELECT count(*) FROM exactlyonce_outbox")).Should().Equal(0);
    }

    [Theory]
    [InlineData("offsets; DROP TABLE orders")]
    [InlineData("a.b.c")]
    [InlineData("1st")]
    [InlineData("a_name_that_is_longer_than_what_all_databases_allow_for")]
    [InlineData("")]
    public async Task A_table_name_that_is_none_is_refused(string table)
    {
        await using var broker = await Numbers.CreateBrokerAsync(0);
        await using var database = await TestDatabase.CreateEmptyAsync(DatabaseKind.Sqlite);

        var build = () => Numbers.CreatePipeline(broker).IntoDatabase(database.Source, Numbers.InsertAsync, options => options.Table = table);

        build.Should().Throw<ArgumentException>();
    }

    internal static async Task CatchUpAsync(Broker broker, DbDataSource source, Action<SqlSinkOptions>? configure = null)
    {
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDatabase(source, Numbers.InsertAsync, configure);
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
    }

    private static SqlSink<NoKey, string> CreateSink(
        Broker broker, DbDataSource source, Func<ConsumerBatch<NoKey, string>, DbTransaction, CancellationToken, ValueTask>? write = null) =>
        new(broker, source, Numbers.Consumer, new SqlSinkOptions(), write ?? Numbers.InsertAsync);

    private static async Task WriteAllAsync(Broker broker, SqlSink<NoKey, string> sink)
    {
        await using var consumer = broker.CreateConsumer(Numbers.Topic).Build();
        using var patience = new CancellationTokenSource(s_soon);
        await foreach (var batch in consumer.ReadBatchesAsync(patience.Token))
        {
            await sink.WriteAsync(batch, patience.Token);
            break;
        }
    }
}
