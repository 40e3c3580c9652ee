using System.Diagnostics;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;

namespace ExactlyOnce.Sql.Tests.Crashes;

/// <summary>
/// A process is killed with SIGKILL between every two steps of its way to the database: before each connection, transaction, statement and commit, and after
/// each commit. After each kill the database is looked at as it is; then a run in peace finishes, and it is looked at again.
/// </summary>
public sealed class CrashTests
{
    // More steps than any scenario has: beyond them something repeats without end.
    private const int StepsMax = 200;

    [Theory, OnSqlite, OnPostgres]
    public Task A_sink_killed_between_any_two_steps_has_rows_and_offset_that_agree(DatabaseKind kind) => KillSinkAtEachStepAsync("sink", kind);

    [Theory, OnSqlite, OnPostgres]
    public Task A_sink_over_EF_Core_killed_between_any_two_steps_has_rows_and_offset_that_agree(DatabaseKind kind) =>
        KillSinkAtEachStepAsync("context-sink", kind);

    [Theory, OnSqlite, OnPostgres]
    public Task An_outbox_killed_between_any_two_steps_publishes_each_row_once(DatabaseKind kind) =>
        KillOutboxAtEachStepAsync("outbox", kind, "before update", "before select", "before delete");

    [Theory, OnSqlite, OnPostgres]
    public Task An_outbox_over_EF_Core_killed_between_any_two_steps_publishes_each_row_once(DatabaseKind kind) =>
        KillOutboxAtEachStepAsync("context-outbox", kind);

    [Theory, OnSqlite, OnPostgres]
    public async Task A_sink_killed_around_a_dead_letter_has_each_record_either_written_or_dead_lettered_once(DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = await KillAtEachStepAsync("dead-letter-sink", database, CheckDeadLetterSinkAsync);
        steps.Count(step => step == "before commit").Should().Be(
            1 + 1 + 2 + 1, "of the beginning, the first record, two steps around a dead letter, the third record");
    }

    private static async Task KillSinkAtEachStepAsync(string scenario, DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = await KillAtEachStepAsync(scenario, database, CheckSinkAsync);
        steps.Should().Contain(["before commit", "after commit", "before update", "before insert"]);
    }

    private static async Task KillOutboxAtEachStepAsync(string scenario, DatabaseKind kind, params string[] stepsOfRelay)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = await KillAtEachStepAsync(scenario, database, CheckOutboxAsync);
        steps.Should().Contain(["before open", "before insert", "before commit", "after commit", .. stepsOfRelay]);
    }

    /// <summary>Answers the steps that there were. What checks is told the step at which the process was killed; null when it came to its end.</summary>
    private static async Task<List<string>> KillAtEachStepAsync(string scenario, TestDatabase database, Func<string, TestDatabase, Broker, string?, Task> check)
    {
        var steps = new List<string>();
        while (steps.Count < StepsMax)
        {
            var folder = Directory.CreateTempSubdirectory("exactlyonce-crash-").FullName;
            try
            {
                var step = await RunAndKillAsync(scenario, database, folder, steps.Count + 1);
                await using (var broker = await Scenario.OpenBrokerAsync(folder))
                    await check(scenario, database, broker, step);
                if (step is null)
                    break;
                steps.Add(step);
                await database.ClearAsync();
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        steps.Should().HaveCountGreaterThan(12).And.HaveCountLessThan(StepsMax);
        return steps;
    }

    private static async Task CheckSinkAsync(string scenario, TestDatabase database, Broker broker, string? step)
    {
        var next = (await database.OffsetAsync(Numbers.Consumer)).NextOffset;
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(next), "rows and offset agree after a kill {0}", step);

        await Scenario.RunSinkAsync(scenario, database.Kind, database.ConnectionString, broker, new KillAt(0), poison: null);
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(Scenario.CountOf(scenario)), "nothing is lost or repeated after a kill {0}", step);
    }

    private static async Task CheckDeadLetterSinkAsync(string scenario, TestDatabase database, Broker broker, string? step)
    {
        string[] dead = (await ReadAsync(broker, Scenario.DeadLetterTopic)).Count > 0 ? ["1"] : [];

        // Whoever comes next has no trouble with the record: unless it is in the dead-letter topic already, it is written.
        await Scenario.RunSinkAsync(scenario, database.Kind, database.ConnectionString, broker, new KillAt(0), poison: null);
        (await ReadAsync(broker, Scenario.DeadLetterTopic)).Should().Equal(dead, "a dead letter is published once, after a kill {0}", step);
        (await database.EffectsAsync()).Should().Equal(Numbers.Below(3).Except(dead), "a record is written unless it is dead-lettered, after a kill {0}", step);
    }

    private static async Task CheckOutboxAsync(string scenario, TestDatabase database, Broker broker, string? step)
    {
        var (published, orders) = (await ReadAsync(broker, Scenario.OrderTopic), await database.EffectsAsync());
        var waiting = await database.QueryAsync<long>("SELECT count(*) FROM exactlyonce_outbox");
        published.Should().Equal(orders.Take(published.Count), "what is published was committed, in order and once, after a kill {0}", step);
        (published.Count + waiting[0]).Should().BeGreaterThanOrEqualTo(orders.Count, "what was committed is published or waits, after a kill {0}", step);

        await Scenario.RunOutboxAsync(scenario, database.Kind, database.ConnectionString, broker, new KillAt(0));
        (await ReadAsync(broker, Scenario.OrderTopic)).Should().Equal(
            Numbers.Below(Scenario.CountOf(scenario)), "nothing is lost or repeated after a kill {0}", step);
        (await database.QueryAsync<long>("SELECT count(*) FROM exactlyonce_outbox")).Should().Equal(0);
    }

    private static async Task<List<string>> ReadAsync<TKey>(Broker broker, Topic<TKey, string> topic)
    {
        if (broker.Admin.DescribeTopic(topic.Name) is null)
            return [];
        await using var consumer = broker.CreateConsumer(topic).Build();
        return await consumer.ReadToEndAsync().Select(record => record.Value).ToListAsync();
    }

    /// <summary>The step at which the process was killed; null when it came to its end before that step.</summary>
    private static async Task<string?> RunAndKillAsync(string scenario, TestDatabase database, string folder, int step)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { typeof(CrashTests).Assembly.Location, scenario, $"{database.Kind}", database.ConnectionString, folder, $"{step}" })
            start.ArgumentList.Add(argument);
        start.Environment["DOTNET_TieredPGO"] = "0";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode == 0)
            return null;
        process.ExitCode.Should().Be(137, "a process that SIGKILL ends says so: {0}", await error);
        return (await output).Trim();
    }
}
