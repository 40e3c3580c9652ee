using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Torture.Kills;
using ExactlyOnce.Torture.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

/// <summary>
/// Ten thousand connections that have nothing to say. Their other ends live in a process of their own, so that each takes one file of this one.
/// </summary>
[Collection(Alone.Name)]
public sealed class IdleConnectionTests : EndpointTest
{
    private const int Idle = 10_000;
    private const int BytesEach = 20 << 10;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private protected override KafkaEndpointOptions Options() =>
        new() { Port = 0, MaxConnections = Idle + 100, MaxConnectionsPerAddress = (Idle / 10) + 100 };

    [ManyFilesFact(Idle + 1_000)]
    public async Task Ten_thousand_idle_connections_cost_little_memory_and_hardly_a_look_and_harm_nobody()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("before")));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var child = new ChildProcess([WireIdleChild.Name, Endpoint.BootstrapServers, Idle.ToString(CultureInfo.InvariantCulture)], _ => { });
        using (child)
        {
            child.WaitUntilWorking(s_patience).Should().BeTrue();
            child.IsWorking.Should().BeTrue(child.Errors);
            Endpoint.ConnectionCount.Should().Be(Idle + 1);

            ((GC.GetTotalMemory(forceFullCollection: true) - before) / Idle).Should().BeLessThan(BytesEach);
            (await CostOfAsync(TimeSpan.FromSeconds(2))).Should()
                .BeLessThan(TimeSpan.FromSeconds(1), "somebody looks at the time of each once a second, and that is all");
            for (var i = 0; i < 50; i++)
                (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of($"{i}")))).Only().BaseOffset.Should().Be(1 + i);
        }

        for (var patience = 3000; patience > 0 && Endpoint.ConnectionCount > 1; patience--)
            await Task.Delay(10);
        Endpoint.ConnectionCount.Should().Be(1, "they have gone with their process");
        (await client.CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0))).Only().HighWatermark.Should().Be(51);
    }

    private static async Task<TimeSpan> CostOfAsync(TimeSpan time)
    {
        using var process = Process.GetCurrentProcess();
        var before = process.TotalProcessorTime;
        await Task.Delay(time);
        process.Refresh();
        return process.TotalProcessorTime - before;
    }
}

/// <summary>A fact that opens very many files at a time, and says so where a process may not.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ManyFilesFactAttribute : FactAttribute
{
    private const string Limits = "/proc/self/limits";

    public ManyFilesFactAttribute(int count)
    {
        var line = File.Exists(Limits) ? File.ReadLines(Limits).First(line => line.StartsWith("Max open files", StringComparison.Ordinal)) : "Max open files 0";
        var limit = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
        if (limit != "unlimited" && long.Parse(limit, CultureInfo.InvariantCulture) < count)
            Skip = $"It takes {count} open files, and this process may have {limit}: raise 'ulimit -n'.";
    }
}
