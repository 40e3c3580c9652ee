using System.Globalization;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kafka.Endpoint;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Torture.Kills;

namespace ExactlyOnce.Torture.Wire;

/// <summary>One life of a broker that Kafka clients use: a folder served on a port until it is killed, on a disk that then loses what was not synced.</summary>
internal static class WireServerChild
{
    public const string Name = "wire-server-child";
    public const string Input = "input";
    public const string Output = "output";
    public const int Partitions = 4;

    private const double WriteBackRate = 0.01;

    private static readonly TimeSpan s_pulse = TimeSpan.FromSeconds(1);

    /// <summary>Arguments: folder, port, seed.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var (folder, port, seed) = (args[1], int.Parse(args[2], CultureInfo.InvariantCulture), int.Parse(args[3], CultureInfo.InvariantCulture));
        Console.Out.WriteLine("starting");
        var disk = new LossyDisk(new PosixDisk(), ChildFolders.Data(folder), ChildFolders.Limbo(folder), seed, WriteBackRate);
        await using var broker = CopyChild.Open(disk, ChildFolders.Data(folder));
        foreach (var topic in new[] { Input, Output })
            if (broker.Admin.DescribeTopic(topic) is null)
                await broker.Admin.CreateTopicAsync(topic, options => (options.Partitions, options.SegmentBytes) = (Partitions, 1 << 20));
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = port });
        Console.Out.WriteLine("working");
        // Ends with its parent at the latest: nobody listens to this then.
        while (true)
        {
            await Task.Delay(s_pulse);
            Console.Out.WriteLine("alive");
        }
    }
}
