using System.Diagnostics;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.Steps;

namespace ExactlyOnce.Sql.Tests.Crashes;

/// <summary>
/// A process is killed with SIGKILL between every two steps of its way to the database: before each connection, transaction, statement and commit, and after each commit. After each
/// kill the database is looked at as it is; then a run in peace finishes, and it is looked at again.
/// </summary>
public sealed class CrashTests
{
    // More steps than any scenario has: beyond them something repeats without end.
    private const int StepsMax = 200;

    [Theory, OnSqlite, OnPostgres]
    public Task A_sink_killed_between_any_two_steps_has_rows_and_offset_that_agree(DatabaseKind kind) => KillSinkAtEachStepAsync("sink", kind);

    [Theory, OnSqlite, OnPostgres]
    public Task A_sink_over_EF_Core_killed_between_any_two_steps_has_rows_and_offset_that_agree(DatabaseKind kind) => KillSinkAtEachStepAsync("context-sink", kind);

    [Theory, OnSqlite, OnPostgres]
    public Task An_outbox_killed_between_any_two_steps_publishes_each_row_once(DatabaseKind kind) => KillOutboxAtEachStepAsync("outbox", kind, "before update", "before select", "before delete");

    [Theory, OnSqlite, OnPostgres]
    public Task An_outbox_over_EF_Core_killed_between_any_two_steps_publishes_each_row_once(DatabaseKind kind) => KillOutboxAtEachStepAsync("context-outbox", kind);

    private static async Task KillSinkAtEachStepAsync(string scenario, DatabaseKind kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = new List<string>();
        while (steps.Count < StepsMax)
        {
            var step = await RunAndKillAsync(scenario, database, folder: "-", steps.Count + 1);
            var next = (await database.OffsetAsync(Numbers.Consumer)).NextOffset;
            (await database.EffectsAsync()).Should().Equal(Numbers.Below(next), "rows and offset agree after a kill {0} ({1})", step, steps.Count + 1);
            if (step is null)
                break;
            steps.Add(step);

            await Scenario.RunAsync(scenario, kind, database.ConnectionString, folder: "-", new KillAt(0));
            (await database.EffectsAsync()).Should().Equal(Numbers.Below(Scenario.CountOf(scenario)), "nothing is lost or repeated after a kill {0} ({1})", step, steps.Count);
            await database.ClearAsync();
        }
        steps.Should().Contain(["before commit", "after commit", "before update", "before insert"]).And.HaveCountGreaterThan(12).And.HaveCountLessThan(StepsMax);
    }

    private static async Task KillOutboxAtEachStepAsync(string scenario, DatabaseKind kind, params string[] stepsOfRelay)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var steps = new List<string>();
        while (steps.Count < StepsMax)
        {
            var folder = Directory.CreateTempSubdirectory("exactlyonce-outbox-").FullName;
            try
            {
                var step = await RunAndKillAsync(scenario, database, folder, steps.Count + 1);
                await CheckOutboxAsync(scenario, database, folder, step);
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
        steps.Should().Contain(["before open", "before insert", "before commit", "after commit", .. stepsOfRelay]).And.HaveCountGreaterThan(12).And.HaveCountLessThan(StepsMax);
    }

    private static async Task CheckOutboxAsync(string scenario, TestDatabase database, string folder, string? step)
    {
        await using var broker = await Scenario.OpenBrokerAsync(folder);
        var (published, orders) = (await PublishedAsync(broker), await database.EffectsAsync());
        var waiting = await database.QueryAsync<long>("SELECT count(*) FROM exactlyonce_outbox");
        published.Should().Equal(orders.Take(published.Count), "what is published was committed, in order and once, after a kill {0}", step);
        (published.Count + waiting[0]).Should().BeGreaterThanOrEqualTo(orders.Count, "what was committed is published or waits, after a kill {0}", step);

        await Scenario.RunOutboxAsync(scenario, database.Kind, database.ConnectionString, broker, new KillAt(0));
        (await PublishedAsync(broker)).Should().Equal(Numbers.Below(Scenario.CountOf(scenario)), "nothing is lost or repeated after a kill {0}", step);
        (await database.QueryAsync<long>("SELECT count(*) FROM exactlyonce_outbox")).Should().Equal(0);
    }

    private static async Task<List<string>> PublishedAsync(Broker broker)
    {
        if (broker.Admin.DescribeTopic(Scenario.OrderTopic.Name) is null)
            return [];
        await using var consumer = broker.CreateConsumer(Scenario.OrderTopic).Build();
        var values = new List<string>();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
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
