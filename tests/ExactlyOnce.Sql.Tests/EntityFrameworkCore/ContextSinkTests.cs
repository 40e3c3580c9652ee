using ExactlyOnce.EntityFrameworkCore;
using ExactlyOnce.Sql.Tests.Crashes;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.Sql.Tests.EntityFrameworkCore;

public sealed class ContextSinkTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(60);

    [Theory, OnSqlite, OnPostgres]
    public async Task The_tables_of_the_model_are_those_of_the_scripts(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateEmptyAsync(kind);
        await using (var context = new EffectsContexts(kind, database.ConnectionString).CreateDbContext())
            await context.Database.EnsureCreatedAsync();
        await using var broker = await Numbers.CreateBrokerAsync(3);

        // Made by EF Core, written through EF Core, and gone on with by ADO.NET.
        await CatchUpAsync(broker, new EffectsContexts(kind, database.ConnectionString));
        await broker.PublishAsync(Numbers.Topic, "3");
        await Sinks.SqlSinkTests.CatchUpAsync(broker, database.Source);

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(4));
        (await database.OffsetAsync(Numbers.Consumer)).NextOffset.Should().Be(4);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_pipeline_saves_each_record_once_and_its_offset_with_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(40, partitions: 4);
        var contexts = new EffectsContexts(kind, database.ConnectionString);

        await CatchUpAsync(broker, contexts, workers: 3);
        await CatchUpAsync(broker, contexts, workers: 3);

        (await database.EffectsAsync()).Should().BeEquivalentTo(Numbers.Below(40));
        (await database.QueryAsync<long>("SELECT next_offset FROM exactlyonce_offsets")).Should().Equal(10, 10, 10, 10);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task The_execution_strategy_tries_again_with_a_fresh_context_at_every_step_that_fails(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var counting = new FailAt();
        await RunAsync(database, counting);
        counting.Steps.Should().Contain(["before begin", "before update", "before commit", "after commit"]);

        for (var failing = 0; failing < counting.Steps.Count; failing++)
        {
            await database.ClearAsync();
            var steps = new FailAt();
            var count = 0;
            steps.When(_ => count++ == failing);
            var attempts = await RunAsync(database, steps);
            (await database.EffectsAsync()).Should().Equal(Numbers.Below(3), "a connection was lost at step {0}, {1}", failing, counting.Steps[failing]);
            attempts.Should().Be(0, "the strategy, and not the pipeline, deals with a lost connection at step {0}, {1}", failing, counting.Steps[failing]);
        }
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_commit_that_was_not_answered_is_verified_by_the_row_and_not_repeated(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = new FailAt();
        var handled = 0;
        await RunAsync(database, steps, () =>
        {
            handled++;
            steps.Once("after commit");
        });

        handled.Should().Be(1, "what is in the database needs no second attempt");
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_a_failed_attempt_tracked_is_not_saved_by_the_next(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var failures = 2;
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDbContext(new EffectsContexts(kind, database.ConnectionString), (batch, context, _) =>
        {
            Add(batch, context);
            return failures-- > 0 ? throw new FormatException("a bad day") : ValueTask.CompletedTask;
        });

        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_zombie_is_refused_as_soon_as_another_has_taken_over(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var contexts = new EffectsContexts(kind, database.ConnectionString);
        var zombie = CreateSink(broker, contexts);
        await zombie.LoadNextOffsetAsync(new TopicPartition(Numbers.Topic.Name, 0), default);
        await CatchUpAsync(broker, contexts);

        await using var consumer = broker.CreateConsumer(Numbers.Topic).Build();
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            await zombie.Awaiting(sink => sink.WriteAsync(batch, default).AsTask()).Should().ThrowAsync<StaleEpochException>();
            break;
        }

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Fact]
    public async Task A_model_without_the_tables_is_told_what_to_add()
    {
        await using var broker = await Numbers.CreateBrokerAsync(1);
        var options = new DbContextOptionsBuilder<DbContext>().UseSqlite("Data Source=:memory:").Options;
        await using var context = new DbContext(options);

        context.Invoking(plain => plain.Outbox()).Should().Throw<InvalidOperationException>().WithMessage("*modelBuilder.UseExactlyOnce()*");
        var build = () => Numbers.CreatePipeline(broker).IntoDbContext(new PlainContexts(options), (_, _, _) => default);
        build.Should().Throw<InvalidOperationException>("whoever forgot it is told where the pipeline is made").WithMessage("*modelBuilder.UseExactlyOnce()*");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_missing_table_is_named_together_with_the_migration_that_creates_it(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateEmptyAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(1);

        var catchUp = () => CatchUpAsync(broker, new EffectsContexts(kind, database.ConnectionString));

        (await catchUp.Should().ThrowAsync<SqlMismatchException>()).WithMessage("*exactlyonce_offsets does not exist*add a migration*");
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_topic_that_was_replaced_under_a_database_is_refused_and_not_skipped(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var contexts = new EffectsContexts(kind, database.ConnectionString);
        await using (var first = await Numbers.CreateBrokerAsync(3))
            await CatchUpAsync(first, contexts);
        await using var replaced = await Numbers.CreateBrokerAsync(5);

        var catchUp = () => CatchUpAsync(replaced, contexts);

        (await catchUp.Should().ThrowAsync<SqlMismatchException>()).WithMessage("*counts the records of an earlier topic*");
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_pipeline_that_ends_does_not_wait_for_the_next_attempt_of_the_strategy(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var steps = new FailAt();
        var contexts = new EffectsContexts(kind, database.ConnectionString, steps, retryDelay: TimeSpan.FromHours(1));
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDbContext(contexts, (batch, context, _) =>
        {
            Add(batch, context);
            steps.Once("before commit");
            return ValueTask.CompletedTask;
        });
        var running = pipeline.RunAsync();
        // The first commit is that of the beginning.
        using (var patience = new CancellationTokenSource(s_soon))
            while (steps.Steps.Count(step => step == "before commit") < 2)
                await Task.Delay(5, patience.Token);

        await pipeline.DisposeAsync().AsTask().WaitAsync(s_soon);

        await running;
        (await database.EffectsAsync()).Should().BeEmpty();
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_handler_must_not_end_the_transaction(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        await using var broker = await Numbers.CreateBrokerAsync(1);
        await using var pipeline = Numbers.CreatePipeline(broker).WithRetry(1).IntoDbContext(
            new EffectsContexts(kind, database.ConnectionString), async (_, context, ct) => await context.Database.CommitTransactionAsync(ct));

        var catchUp = () => pipeline.RunUntilCaughtUpAsync();

        (await catchUp.Should().ThrowAsync<HandlerFailedException>())
            .WithInnerException<InvalidOperationException>().WithMessage("*must leave that to the sink*");
        (await database.OffsetAsync(Numbers.Consumer)).NextOffset.Should().Be(-1);
    }

    /// <summary>Three numbers in one batch, with a strategy that retries. Answers how often the pipeline itself had to call the handler again.</summary>
    private static async Task<int> RunAsync(TestDatabase database, FailAt steps, Action? atBatch = null)
    {
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var contexts = new EffectsContexts(database.Kind, database.ConnectionString, steps, retryDelay: TimeSpan.FromMilliseconds(5));
        var failed = 0;
        await using var pipeline = Numbers.CreatePipeline(broker).WithRetry(1).IntoDbContext(contexts, (batch, context, _) =>
        {
            Add(batch, context);
            atBatch?.Invoke();
            return ValueTask.CompletedTask;
        });
        try
        {
            await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
        }
        catch (HandlerFailedException)
        {
            failed++;
        }
        return failed;
    }

    private static ContextSink<NoKey, string, EffectsContext> CreateSink(Broker broker, EffectsContexts contexts) =>
        new(broker, contexts, Numbers.Consumer, SqlTables.DefaultOffsets, (batch, context, _) =>
        {
            Add(batch, context);
            return ValueTask.CompletedTask;
        });

    private sealed class PlainContexts(DbContextOptions<DbContext> options) : IDbContextFactory<DbContext>
    {
        public DbContext CreateDbContext() => new(options);
    }

    private static void Add(ConsumerBatch<NoKey, string> batch, EffectsContext context)
    {
        foreach (var record in batch)
            context.Effects.Add(new Effect { PartitionIndex = record.Partition, RecordOffset = record.Offset, Value = record.Value });
    }

    private static async Task CatchUpAsync(Broker broker, EffectsContexts contexts, int workers = 1)
    {
        await using var pipeline = Numbers.CreatePipeline(broker).WithWorkers(workers).IntoDbContext(contexts, (batch, context, _) =>
        {
            Add(batch, context);
            return ValueTask.CompletedTask;
        });
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
    }
}
