using System.Data.Common;
using ExactlyOnce.EntityFrameworkCore;
using ExactlyOnce.Sql.Tests.Databases;
using ExactlyOnce.Sql.Tests.EntityFrameworkCore;
using ExactlyOnce.Sql.Tests.Steps;

namespace ExactlyOnce.Sql.Tests.Crashes;

/// <summary>
/// What a process does that is killed between every two of its steps, and what another finishes after it. Sinks: numbers in batches of two, one of them
/// poison where there are dead letters. Outboxes: orders, each inserted together with its record, the first before the relay runs and the others after it.
/// </summary>
internal static class Scenario
{
    public static readonly Topic<NoKey, string> DeadLetterTopic = Topic.Create("numbers.dead", Serdes.Utf8);

    public static readonly Topic<string, string> OrderTopic = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);

    /// <summary>How many numbers or orders there are: fewer for EF Core, whose processes take long to start.</summary>
    public static int CountOf(string scenario) => scenario.StartsWith("context", StringComparison.Ordinal) ? 2 : 3;

    /// <summary>All of it, in a process of its own.</summary>
    public static async Task RunAsync(string name, DatabaseKind kind, string connectionString, string folder, ISteps steps)
    {
        await using var broker = await OpenBrokerAsync(folder);
        if (name.EndsWith("outbox", StringComparison.Ordinal))
        {
            await RunOutboxAsync(name, kind, connectionString, broker, steps);
            return;
        }
        if (broker.Admin.DescribeTopic(Numbers.Topic.Name) is null)
            await Numbers.FillAsync(broker, CountOf(name));
        await RunSinkAsync(name, kind, connectionString, broker, steps, poison: "1");
    }

    public static Task RunSinkAsync(string name, DatabaseKind kind, string connectionString, Broker broker, ISteps steps, string? poison) => name switch
    {
        "sink" => RunSinkAsync(kind, connectionString, broker, steps),
        "dead-letter-sink" => RunDeadLetterSinkAsync(kind, connectionString, broker, steps, poison),
        _ => RunContextSinkAsync(new EffectsContexts(kind, connectionString, steps), broker, steps),
    };

    public static Task RunOutboxAsync(string name, DatabaseKind kind, string connectionString, Broker broker, ISteps steps) => name == "outbox"
        ? RunOutboxAsync(kind, connectionString, broker, steps)
        : RunContextOutboxAsync(new EffectsContexts(kind, connectionString, steps), broker);

    private static async Task RunDeadLetterSinkAsync(DatabaseKind kind, string connectionString, Broker broker, ISteps steps, string? poison)
    {
        await using var source = TestDatabase.Open(kind, connectionString);
        await using var stepped = new StepDataSource(source, steps);
        await using var pipeline = Numbers.CreatePipeline(broker, batch: 2).WithRetry(1).DeadLetterTo(DeadLetterTopic).IntoDatabase(
            stepped,
            async (batch, transaction, ct) =>
            {
                await Numbers.InsertAsync(batch, transaction, ct);
                if (poison is not null && batch.Values.Contains(poison))
                    throw new FormatException("poison");
            },
            options => options.Dialect = TestDatabase.DialectOf(kind));
        await pipeline.RunUntilCaughtUpAsync();
    }

    private static async Task RunSinkAsync(DatabaseKind kind, string connectionString, Broker broker, ISteps steps)
    {
        await using var source = TestDatabase.Open(kind, connectionString);
        await using var stepped = new StepDataSource(source, steps);
        await using var pipeline = Numbers.CreatePipeline(broker, batch: 2)
            .IntoDatabase(stepped, Numbers.InsertAsync, options => options.Dialect = TestDatabase.DialectOf(kind));
        await pipeline.RunUntilCaughtUpAsync();
    }

    private static async Task RunContextSinkAsync(EffectsContexts contexts, Broker broker, ISteps steps)
    {
        await using var pipeline = Numbers.CreatePipeline(broker, batch: 2).IntoDbContext(contexts, (batch, context, _) =>
        {
            foreach (var record in batch)
                context.Effects.Add(new Effect { PartitionIndex = record.Partition, RecordOffset = record.Offset, Value = record.Value });
            steps.Before("save");
            return ValueTask.CompletedTask;
        });
        await pipeline.RunUntilCaughtUpAsync();
    }

    private static async Task RunOutboxAsync(DatabaseKind kind, string connectionString, Broker broker, ISteps steps)
    {
        await using var source = TestDatabase.Open(kind, connectionString);
        await using var stepped = new StepDataSource(source, steps);
        var outbox = new SqlOutbox(options => options.Dialect = TestDatabase.DialectOf(kind));
        await using var relay = outbox.CreateRelay(broker, stepped);
        foreach (var last in new[] { 1, CountOf("outbox") })
        {
            for (var order = await CountAsync(stepped); order < last; order++)
                await InsertAsync(stepped, outbox, order);
            await relay.RunUntilEmptyAsync();
        }
    }

    private static async Task RunContextOutboxAsync(EffectsContexts contexts, Broker broker)
    {
        await using var relay = broker.CreateOutboxRelay(contexts);
        foreach (var last in new[] { 1, CountOf("context-outbox") })
        {
            for (var order = contexts.CreateDbContext().Effects.Count(); order < last; order++)
            {
                await using var context = contexts.CreateDbContext();
                context.Effects.Add(new Effect { Value = $"{order}", RecordOffset = order });
                context.Outbox().Add(OrderTopic, "customer", $"{order}");
                await context.SaveChangesAsync();
            }
            await relay.RunUntilEmptyAsync();
        }
    }

    public static Task<Broker> OpenBrokerAsync(string folder) => Broker.CreateBuilder().UseDirectory(folder).WithDurability(Durability.Written)
        .Configure(options => options.JournalFileBytes = 4 * 1024 * 1024).OpenAsync();

    private static async Task<int> CountAsync(DbDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var command = connection.Write(transaction: null, "SELECT count(*) FROM effects");
        return Convert.ToInt32(await command.ExecuteScalarAsync());
    }

    private static async Task InsertAsync(DbDataSource source, SqlOutbox outbox, int order)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.Write(transaction, $"INSERT INTO effects (partition_index, record_offset, value) VALUES (0, {order}, '{order}')")
            .ExecuteAsync(CancellationToken.None);
        await outbox.AddAsync(transaction, OrderTopic, "customer", $"{order}");
        await transaction.CommitAsync();
    }
}
