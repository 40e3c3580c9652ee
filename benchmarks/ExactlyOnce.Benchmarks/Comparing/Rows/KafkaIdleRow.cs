using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ExactlyOnce.Kafka.Endpoint;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>What an endpoint costs that a thousand clients are connected to who ask for nothing: in a process of its own, which this one connects to.</summary>
internal static class KafkaIdleRow
{
    private const int Many = 1_000;

    /// <summary>ApiVersions, version 0, correlation id 1, no client id; behind its length.</summary>
    private static readonly byte[] s_request = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255];

    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(1);

    public static Row Row { get; } = new("kafka-idle", "1,000 idle connections, each of which has asked for the versions: what each adds to the process, and all of them together to its work")
    {
        OpenAsync = scale => Task.FromResult(new Contest(new Contestant("ExactlyOnce", _ => MeasureAsync(scale.Duration(20, 4))))),
        Bars = [Bar.AtMost(Quantity.Kibibytes, 20), Bar.AtMost(Quantity.Processor, IdleRow.NotMeasurablePercent)],
        IsWarmed = false,
        RoundsMax = 1,
        Note = "Beyond what one connection takes; not measurable: below 1 % of a core",
    };

    private static async Task<Figure[]> MeasureAsync(TimeSpan duration)
    {
        using var child = ChildProcess.Start(ChildProcess.Serving, duration.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        var port = int.Parse((await child.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
        var clients = new List<Socket>();
        try
        {
            // One warms the path up.
            clients.Add(await ConnectAsync(port));
            await child.StandardOutput.ReadLineAsync();
            while (clients.Count <= Many)
                clients.Add(await ConnectAsync(port));
            var figures = (await child.StandardOutput.ReadToEndAsync()).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Verify.Equal(2, figures.Length, "figures came from the idle process");
            var values = Array.ConvertAll(figures, figure => double.Parse(figure, CultureInfo.InvariantCulture));
            return [new Figure(Quantity.Kibibytes, values[0]), new Figure(Quantity.Processor, values[1])];
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
            await child.WaitForExitAsync();
        }
    }

    /// <summary>
    /// In the child: prints its port, then a line when it is measured before the crowd comes, then KiB for each connection and percent of a core.
    /// </summary>
    public static async Task ServeAsync(TimeSpan duration)
    {
        await using var broker = Broker.CreateInMemory();
        var options = new KafkaEndpointOptions { Port = 0, MaxConnections = 2 * Many, MaxConnectionsPerAddress = 2 * Many, IdleTimeout = TimeSpan.FromHours(1) };
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, options);
        Console.WriteLine(endpoint.BootstrapServers.Split(':')[1]);
        WaitFor(endpoint, 1);
        var (before, shareBefore) = (Measure(), Share(duration));
        Console.WriteLine("ready");
        WaitFor(endpoint, 1 + Many);
        var bytes = Measure() - before;
        var share = Share(duration) - shareBefore;
        Verify.Equal(1 + Many, endpoint.ConnectionCount, "connections are open");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0 / Many} {share}"));
    }

    /// <summary>Percent of a core.</summary>
    private static double Share(TimeSpan duration)
    {
        var processor = Environment.CpuUsage.TotalTime;
        Thread.Sleep(duration);
        return (Environment.CpuUsage.TotalTime - processor) / duration * 100;
    }

    private static void WaitFor(KafkaEndpoint endpoint, int connections)
    {
        for (var clock = Stopwatch.StartNew(); endpoint.ConnectionCount < connections;)
        {
            if (clock.Elapsed > TimeSpan.FromSeconds(30))
                throw new TimeoutException($"{endpoint.ConnectionCount:N0} of {connections:N0} connections came.");
            Thread.Sleep(10);
        }
    }

    private static long Measure()
    {
        Thread.Sleep(s_settling);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(s_request);
        var answer = new byte[4096];
        Verify.AtLeast(sizeof(int), await socket.ReceiveAsync(answer), "bytes of an answer came");
        return socket;
    }
}
