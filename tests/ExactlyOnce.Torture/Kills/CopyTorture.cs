using System.Globalization;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// Consume, transform, produce, under kills: numbers are imported into a topic and copied to another by a pipeline, in children that are killed again and again
/// on a disk that loses what was not synced. In the end the copy holds every number once, each partition in its input's order.
/// </summary>
internal sealed class CopyTorture : ITorture
{
    private const long RecordsByDefault = 1_000_000;
    private const int KillsByDefault = 200;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    public string Summary => "--cases records (1,000,000) through import and pipeline under --kills kills (200): no duplicate, no loss, order kept";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var (records, kills) = (options.Cases ?? RecordsByDefault, options.Number("kills", KillsByDefault));
        var seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
        progress.Print($"seed {seed}");
        var folder = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"exactlyonce-copy-{Environment.ProcessId}"));
        ChildFolders.MakeNew(folder);
        var random = new Random((int)(seed ^ (seed >> 32)));
        // Import and copy together say 2 × records / step words; kills are spread over them. Both steps lose some work with each kill, so no kill comes too
        // late.
        var steps = Math.Max(1, (int)(2 * records / CopyChild.StepRecords / (kills + 1)));
        List<string> failures = [];
        for (var kill = 0; kill < kills && failures.Count == 0; kill++)
            LiveAndDie(folder, records, random, random.Next(steps) + 1, progress, failures);
        if (failures.Count == 0)
            FinishInPeace(folder, records, failures);
        if (failures.Count == 0)
            failures.AddRange(Check(folder, records, progress));
        if (failures.Count == 0)
            Directory.Delete(folder, recursive: true);
        return failures;
    }

    private static void LiveAndDie(string folder, long records, Random random, int steps, Progress progress, List<string> failures)
    {
        ChildFolders.EmptyLimbo(folder);
        using var stepped = new CountdownEvent(steps);
        using var child = new ChildProcess(
            [CopyChild.Name, folder, random.Next().ToString(CultureInfo.InvariantCulture), records.ToString(CultureInfo.InvariantCulture)],
            line =>
            {
                progress.Say(line);
                if (!stepped.IsSet)
                    stepped.Signal();
            });
        // One kill of eight comes while the directory is being opened.
        if (random.Next(8) == 0)
            child.WaitUntilStarting(s_patience);
        else if (!SpinWait.SpinUntil(() => stepped.IsSet || child.HasExited, s_patience))
            failures.Add("A child did not get on.");
        Thread.Sleep(TimeSpan.FromMilliseconds(random.NextDouble() * 10));
        if (child.HasExited)
            failures.Add($"A child ended by itself with {child.ExitCode} before it was killed; ask for fewer kills or more records. {child.Errors}");
        child.KillAndDrain();
        progress.Count("kills");
    }

    private static void FinishInPeace(string folder, long records, List<string> failures)
    {
        ChildFolders.EmptyLimbo(folder);
        using var child = new ChildProcess([CopyChild.Name, folder, "1", records.ToString(CultureInfo.InvariantCulture)], static _ => { });
        if (!child.WaitForExit(s_patience) || child.ExitCode != 0)
            failures.Add($"The last child did not finish in peace: {child.Errors}");
        child.KillAndDrain();
    }

    private static List<string> Check(string folder, long records, Progress progress)
    {
        var failures = new List<string>();
        using var checking = Task.Run(async () =>
        {
            await using var broker = CopyChild.Open(new PosixDisk(), ChildFolders.Data(folder));
            foreach (var topic in new[] { CopyChild.Input, CopyChild.Output })
                failures.AddRange(await CheckAsync(broker, topic, records, progress));
        });
        checking.GetAwaiter().GetResult();
        return failures;
    }

    private static async Task<List<string>> CheckAsync(Broker broker, Topic<NoKey, long> topic, long records, Progress progress)
    {
        var expected = Enumerable.Range(0, CopyChild.Partitions).Select(partition => (long)partition).ToArray();
        var failures = new List<string>();
        await using var consumer = broker.CreateConsumer(topic).Build();
        await foreach (var record in consumer.ReadToEndAsync())
        {
            ref var next = ref expected[record.Partition];
            if (record.Value != next && failures.Count < 10)
                failures.Add($"{record.TopicPartition}@{record.Offset} holds {record.Value} where {next} follows: {(record.Value < next ? "a duplicate" : "a loss")}, or out of order.");
            next = record.Value + CopyChild.Partitions;
            progress.Count("records checked");
        }
        for (var partition = 0; partition < expected.Length; partition++)
            if (expected[partition] < records)
                failures.Add($"{topic.Name}-{partition} ends before {expected[partition]}: lost.");
        return failures;
    }
}
