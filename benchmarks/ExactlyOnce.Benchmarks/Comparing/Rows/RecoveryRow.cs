using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// A process that writes as fast as it can is killed with SIGKILL, and the broker opened again by this one: everything the other was told to be durable must
/// be there. How long that
/// takes is counted for the journal that lay behind the last checkpoint, with default options.
/// </summary>
internal static class RecoveryRow
{
    private const int ValueBytes = 1024;
    private const int RecordsPerFlush = 1_000;

    // Of a few MiB the time says nothing about the journal: such a kill came right after a checkpoint and is done again.
    private const long JournalBytesMin = 24 << 20;
    private const double MiB = 1 << 20;

    private static readonly Topic<NoKey, ReadOnlyMemory<byte>> s_topic = Topic.Create("written", Serdes.Memory);

    public static Row Row { get; } = new("recovery", "Recovery after `kill -9` of a process that writes, default checkpoints")
    {
        OpenAsync = scale => Task.FromResult(new Contest(new Contestant("ExactlyOnce", _ => MeasureAsync(scale)))),
        Bars = [Bar.AtMost(Quantity.SecondsPerJournal, 1)],
        IsWarmed = false,
        DiskBytes = _ => 2L << 30,
        Note = "Counted is the journal behind the last checkpoint, which is what is read again",
    };

    private static async Task<Figure[]> MeasureAsync(Scale scale)
    {
        while (true)
        {
            using var folder = new TemporaryFolder();
            var bytes = Random.Shared.NextInt64(scale.Size(150 << 20, 100 << 20), scale.Size(400 << 20, 170 << 20));
            var acknowledged = await WriteAndKillAsync(folder.Path, bytes);
            var journalBytes = JournalBytes(folder.Path);
            if (journalBytes < JournalBytesMin * scale.Factor)
                continue;
            var clock = Stopwatch.StartNew();
            await using var broker = await Broker.OpenAsync(folder.Path);
            var seconds = clock.Elapsed.TotalSeconds;
            Verify.AtLeast(acknowledged, Verify.EndOffsets(broker, s_topic.Name), "acknowledged records were recovered");
            return
            [
                new Figure(Quantity.SecondsPerJournal, seconds / (journalBytes / MiB / 256)),
                new Figure(Quantity.Seconds, seconds),
                new Figure(Quantity.Journal, journalBytes / MiB),
            ];
        }
    }

    /// <summary>Answers how many records the killed process had been told to be durable.</summary>
    private static async Task<long> WriteAndKillAsync(string folder, long bytes)
    {
        using var child = ChildProcess.Start(ChildProcess.Writing, folder);
        var acknowledged = 0L;
        while (await child.StandardOutput.ReadLineAsync() is { } line)
        {
            acknowledged = long.Parse(line, CultureInfo.InvariantCulture);
            if (acknowledged * ValueBytes >= bytes && !child.HasExited)
                child.Kill();
        }
        await child.WaitForExitAsync();
        Verify.AtLeast(bytes / ValueBytes, acknowledged, "records were acknowledged before the writing process ended");
        return acknowledged;
    }

    private static long JournalBytes(string folder)
    {
        var disk = new SystemEnvironment().Disk;
        using var journal = new JournalReader(disk, folder, Manifest.Read(disk, folder)!);
        var bytes = 0L;
        while (journal.TryRead(out var frame))
            bytes += frame.Length;
        return bytes;
    }

    /// <summary>In the child: writes until it is killed, and says after each flush how many records are durable.</summary>
    public static async Task WriteAsync(string folder)
    {
        var value = new byte[ValueBytes];
        await using var broker = await Broker.OpenAsync(folder);
        await using var producer = broker.CreateProducer(s_topic).Build();
        for (var acknowledged = RecordsPerFlush; ; acknowledged += RecordsPerFlush)
        {
            for (var i = 0; i < RecordsPerFlush; i++)
                await producer.PostAsync(default, value);
            await producer.FlushAsync();
            Console.Out.WriteLine(acknowledged.ToString(CultureInfo.InvariantCulture));
        }
    }
}
