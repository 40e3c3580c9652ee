using System.Diagnostics;
using System.Globalization;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// What a broker costs that does nothing: in a process of its own, 1,000 partitions on disk and a group of 1,000 consumers, one for each, that have read a
/// record and wait for the next.
/// Counted is what they add to a broker with one of each.
/// </summary>
internal static class IdleRow
{
    private const int Many = 1_000;

    /// <summary>Processor time of a sleeping process below this is not measurable: its own runtime does as much.</summary>
    public const double NotMeasurablePercent = 1;

    // What starting took (code compiled anew in the background, garbage) is not what being there takes.
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(1);

    public static Row Row { get; } = new("idle", "1,000 idle partitions, 1,000 idle consumers of one group, durable: what they add to one of each")
    {
        OpenAsync = scale => Task.FromResult(new Contest(new Contestant("ExactlyOnce", _ => MeasureAsync(scale.Duration(20, 4))))),
        Bars = [Bar.AtMost(Quantity.Threads, 0), Bar.AtMost(Quantity.Memory, 64), Bar.AtMost(Quantity.Processor, NotMeasurablePercent)],
        IsWarmed = false,
        RoundsMax = 1,
        Note = "Not measurable: below 1 % of a core, the runtime's own timers included",
    };

    private static async Task<Figure[]> MeasureAsync(TimeSpan duration)
    {
        using var child = ChildProcess.Start(ChildProcess.Idling, duration.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        var figures = (await child.StandardOutput.ReadToEndAsync()).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        await child.WaitForExitAsync();
        Verify.Equal(3, figures.Length, "figures came from the idle process");
        var values = Array.ConvertAll(figures, figure => double.Parse(figure, CultureInfo.InvariantCulture));
        return [new Figure(Quantity.Threads, values[0]), new Figure(Quantity.Memory, values[1]), new Figure(Quantity.Processor, values[2])];
    }

    /// <summary>In the child: prints threads, MiB and percent of a core.</summary>
    public static async Task IdleAsync(TimeSpan duration)
    {
        using var folder = new TemporaryFolder();
        await using var broker = await Broker.OpenAsync(folder.Path);
        await using (await GatherAsync(broker, "one", 1))
        {
            var (threads, bytes) = Measure();
            await using var group = await GatherAsync(broker, "many", Many);
            for (var clock = Stopwatch.StartNew(); CountThreads() > threads && clock.Elapsed < TimeSpan.FromSeconds(10);)
                Thread.Sleep(100);
            var (threadsThen, bytesThen) = Measure();
            Thread.Sleep(s_settling);
            var processor = Environment.CpuUsage.TotalTime;
            Thread.Sleep(duration);
            var share = (Environment.CpuUsage.TotalTime - processor) / duration * 100;
            await group.PassAsync(Many);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threadsThen - threads} {(bytesThen - bytes) / (double)(1 << 20)} {share}"));
        }
    }

    private static (int Threads, long Bytes) Measure()
    {
        Thread.Sleep(s_settling);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = Process.GetCurrentProcess();
        return (CountThreads(), process.WorkingSet64);
    }

    /// <summary>
    /// The runtime starts threads of its own (timer, compiler, collector) when it first needs them. All others count, those of the pool too: a broker must not
    /// hold on to them.
    /// </summary>
    private static int CountThreads()
    {
        const string Threads = "/proc/self/task";
        if (!Directory.Exists(Threads))
            return Process.GetCurrentProcess().Threads.Count;
        var names = Directory.GetDirectories(Threads).Select(thread => NameOf(Path.Combine(thread, "comm")));
        return names.Count(static name => !name.StartsWith(".NET", StringComparison.Ordinal) || name.StartsWith(".NET TP Worker", StringComparison.Ordinal));
    }

    // A thread may end between being listed and being looked at.
    private static string NameOf(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return ".NET, ended";
        }
    }

    /// <summary>As many consumers as partitions; each has read one record of its own and waits.</summary>
    private static async Task<ReadingGroup> GatherAsync(Broker broker, string name, int size)
    {
        await broker.Admin.CreateTopicAsync(name, topic => topic.Partitions = size);
        var group = new ReadingGroup(broker, Topic.Create(name, Payload.Serde));
        await group.JoinAsync(size);
        await group.PassAsync(size);
        return group;
    }
}
