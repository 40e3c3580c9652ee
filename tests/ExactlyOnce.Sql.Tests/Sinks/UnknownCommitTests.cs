using System.Diagnostics.Metrics;
using ExactlyOnce.Sql.Tests.Crashes;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;

namespace ExactlyOnce.Sql.Tests.Sinks;

/// <summary>A commit whose answer is lost may have taken place or not. The row knows.</summary>
public sealed class UnknownCommitTests
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(60);

    [Theory, OnSqlite, OnPostgres]
    public async Task A_commit_that_took_place_and_was_not_answered_is_not_repeated(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = new FailAt();
        var handled = await RunAsync(database, steps, () => steps.Once("after commit"));

        handled.Should().Be(2, "there are two batches, and the row says that the first is done");
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(6));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task What_is_skipped_because_it_is_in_the_database_is_counted(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        using var meters = new MeterListener();
        var skipped = new List<(string Instrument, string? Unit, long Value)>();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "ExactlyOnce.Sinks")
                listener.EnableMeasurementEvents(instrument, instrument);
        };
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            // Meters are global to the process, and other tests skip, too.
            if (tags.Contains(new KeyValuePair<string, object?>("messaging.consumer.group.name", $"counted-{kind}")))
                skipped.Add((instrument.Name, instrument.Unit, value));
        });
        meters.Start();
        var steps = new FailAt();

        await RunAsync(database, steps, () => steps.Once("after commit"), consumer: $"counted-{kind}");

        skipped.Should().Equal(("exactlyonce.sink.duplicates_skipped", "{message}", 3L));
    }

    // The first record is written, and the database gone before it says so, until the attempts are used up or longer: then the record is not to blame.
    [Theory, OnSqlite, OnPostgres]
    public async Task What_may_be_written_is_not_dead_lettered_because_the_database_does_not_answer(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        for (var failures = 1; failures <= 6; failures++)
        {
            await database.ClearAsync();
            await using var broker = await Numbers.CreateBrokerAsync(3);
            var (steps, dead) = (new FailAt(), Topic.Create("numbers.dead", Serdes.Utf8));
            await using var stepped = new StepDataSource(database.Source, steps);
            var (isLost, left) = (false, failures);
            await using var pipeline = Numbers.CreatePipeline(broker, batch: 1).WithRetry(2, TimeSpan.Zero).DeadLetterTo(dead).IntoDatabase(
                stepped,
                async (batch, transaction, ct) =>
                {
                    await Numbers.InsertAsync(batch, transaction, ct);
                    steps.When(step => left > 0 && (isLost |= step == "after commit") && left-- > 0);
                },
                options => options.Dialect = database.Dialect);

            await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);

            left.Should().Be(0);
            (await database.EffectsAsync()).Should().Equal(Numbers.Below(3), "the connection was lost {0} times", failures);
            await using var consumer = broker.CreateConsumer(dead).Build();
            (await consumer.ReadToEndAsync().CountAsync()).Should().Be(0, "the connection was lost {0} times", failures);
        }
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_commit_that_did_not_take_place_is_repeated(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = new FailAt();
        await RunAsync(database, steps, () => steps.Once("before commit"));

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(6));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task The_doubt_lasts_until_the_database_answers_again(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = new FailAt();
        var left = 4;
        var isLost = false;
        await RunAsync(database, steps, () => steps.When(step => left > 0 && (isLost |= step == "after commit") && left-- > 0));

        left.Should().Be(0, "the connection was lost at the commit and for the next attempts to ask");
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(6));
    }

    // SQLite commits in the process, so there is no commit that goes on without it.
    [Theory, OnPostgres]
    public async Task A_commit_that_is_still_under_way_is_waited_for(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = new FailAt();
        await using var stepped = new StepDataSource(database.Source, steps);
        await using var broker = await Numbers.CreateBrokerAsync(3);
        var sink = new Sql.Sinks.SqlSink<NoKey, string>(
            broker, stepped, Numbers.Consumer, new SqlSinkOptions { Dialect = database.Dialect }, Numbers.InsertAsync);
        await sink.LoadNextOffsetAsync(new TopicPartition(Numbers.Topic.Name, 0), default);
        var isOver = new TaskCompletionSource();
        steps.Commit = transaction =>
        {
            // The client has lost its connection; the server is at the commit and takes its time.
            steps.Commit = null;
            _ = Task.Run(async () =>
            {
                await isOver.Task;
                var connection = transaction.Connection!;
                await transaction.CommitAsync();
                await connection.DisposeAsync();
            });
            throw new LostConnectionException();
        };

        await using var consumer = broker.CreateConsumer(Numbers.Topic).Build();
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            var writing = sink.WriteAsync(batch, default).AsTask();
            await EventuallyAsync(async () => (await database.QueryAsync<long>("SELECT count(*) FROM pg_locks WHERE NOT granted")).Single() > 0);
            writing.IsCompleted.Should().BeFalse("whether the commit takes place is not decided");
            isOver.SetResult();
            await writing.WaitAsync(s_soon);
            break;
        }

        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3));
        (await database.OffsetAsync(Numbers.Consumer)).NextOffset.Should().Be(3);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Every_single_step_may_lose_its_connection_without_loss_or_duplicate(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var counting = new FailAt();
        await RunAsync(database, counting, () => { });
        counting.Steps.Should().HaveCountGreaterThan(15);

        for (var failing = 0; failing < counting.Steps.Count; failing++)
        {
            await database.ClearAsync();
            var steps = new FailAt();
            var count = 0;
            steps.When(_ => count++ == failing);
            await RunAsync(database, steps, () => { });
            (await database.EffectsAsync()).Should().Equal(Numbers.Below(6), "a connection was lost at step {0}, {1}", failing, counting.Steps[failing]);
        }
    }

    /// <summary>Six numbers in two batches. Answers how often the handler was called.</summary>
    private static async Task<int> RunAsync(TestDatabase database, FailAt steps, Action atFirstBatch, string? consumer = null)
    {
        await using var stepped = new StepDataSource(database.Source, steps);
        await using var broker = await Numbers.CreateBrokerAsync(6);
        var handled = 0;
        await using var pipeline = Numbers.CreatePipeline(broker).IntoDatabase(
            stepped,
            async (batch, transaction, ct) =>
            {
                await Numbers.InsertAsync(batch, transaction, ct);
                if (handled++ == 0)
                    atFirstBatch();
            },
            options => (options.Dialect, options.Consumer) = (database.Dialect, consumer));
        await pipeline.RunUntilCaughtUpAsync().WaitAsync(s_soon);
        return handled;
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(s_soon);
        while (!await condition())
            await Task.Delay(5, patience.Token);
    }
}
