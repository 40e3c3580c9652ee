using System.Globalization;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// One life of a broker, in a process of its own: opens the directory that the last one left, reports everything that is in it, and works until it is killed.
/// The lines it writes are all that its parent knows.
/// </summary>
internal static class KillChild
{
    public const string Name = "kill-child";

    private const double WriteBackRate = 0.02;

    /// <summary>Arguments: folder, incarnation, seed, kill point or "-", "work" or "close".</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var (folder, incarnation, seed) = (args[1], int.Parse(args[2], CultureInfo.InvariantCulture), int.Parse(args[3], CultureInfo.InvariantCulture));
        var history = new ChildHistory(incarnation);
        var disk = new LossyDisk(new PosixDisk(), ChildFolders.Data(folder), ChildFolders.Limbo(folder), seed, WriteBackRate);
        if (args[4] != "-")
            KillPoint.Parse(args[4]).Arm(disk);
        history.Say("starting");
        await using (var broker = Open(disk, ChildFolders.Data(folder)))
        {
            history.Observe(new BrokerOpened(incarnation));
            await new LogDump(broker, history).ReportAsync();
            if (args[5] != "close")
            {
                await KillTopics.CreateAsync(broker, history);
                history.Say("working");
                // For ever: only a kill ends it.
                await Task.WhenAll(ChildActor.All(broker, history, seed).Select(actor => Task.Run(() => actor.RunAsync(CancellationToken.None))));
            }
        }
        history.Observe(new BrokerClosed());
        return 0;
    }

    public static Broker Open(IDisk disk, string data)
    {
        var environment = new SystemEnvironment(disk: disk);
        var engine = BrokerEngine.Open(environment, new EngineOptions
        {
            Directory = data,
            Durability = Durability.Flushed,
            // Small, so that journal files roll, checkpoints run and segments are sealed within a life of some hundred milliseconds.
            JournalFileBytes = 256 << 10,
            CheckpointBytes = 128 << 10,
            TailBytesMax = 4 << 20,
            CheckpointInterval = TimeSpan.FromMilliseconds(150),
            HousekeepingInterval = TimeSpan.FromMilliseconds(50),
        });
        return new Broker(new EngineBackend(engine), new BrokerOptions { Directory = data, Environment = environment });
    }
}
