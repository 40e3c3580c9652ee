using System.Text;
using ExactlyOnce;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace WorkerService;

/// <summary>
/// Runs the service for a moment, in a folder of its own, with a small receiver in the place of an OpenTelemetry collector, and looks whether everything is as the first lines of the sample
/// say: orders billed once, a dead letter, health, traces and metrics that arrived.
/// </summary>
internal sealed class SelfCheck : IDisposable
{
    private const int Orders = 30;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private static readonly string[] s_names =
    [
        "send orders", "process orders",
        "messaging.client.sent.messages", "messaging.process.duration", "exactlyonce.handler.dead_lettered", "exactlyonce.consumer.lag", "exactlyonce.storage.fsync.duration",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("exactly-once-worker-").FullName;
    private readonly OtlpReceiver _receiver = new();
    private readonly TextWriter _console = Console.Out;
    private readonly StringWriter _exported = new();

    public void Configure(HostApplicationBuilder builder)
    {
        OrderIntake.Pause = TimeSpan.FromMilliseconds(5);
        // What goes to the console is looked at, and is too much to be shown here.
        Console.SetOut(_exported);
        builder.Configuration.AddInMemoryCollection(
        [
            new("ConnectionStrings:ExactlyOnce", $"mode=durable;path={_folder}"),
            new("OTEL_EXPORTER_OTLP_ENDPOINT", _receiver.Endpoint),
            new("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ]);
    }

    public async Task<int> RunAsync(IHost host)
    {
        await host.StartAsync();
        var numbers = await ReadAsync(host.Services.GetRequiredService<Broker>());
        var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        host.Services.GetRequiredService<TracerProvider>().ForceFlush();
        host.Services.GetRequiredService<MeterProvider>().ForceFlush();
        await host.StopAsync();
        host.Dispose();

        Console.SetOut(_console);
        var exported = _exported.ToString();
        var missing = s_names.Where(name => !_receiver.Contains(Encoding.UTF8.GetBytes(name)) || !exported.Contains(name)).ToList();
        var isBilledOnce = numbers.Count == numbers.Distinct().Count() && !numbers.Contains(13);
        Console.WriteLine($"{numbers.Count} invoices for {numbers.Distinct().Count()} orders, none for order 13, which is a dead letter: {isBilledOnce}");
        Console.WriteLine($"Health: {health.Status}, {health.Entries.Values.Single().Description}");
        Console.WriteLine($"The collector got {_receiver.Bytes} bytes, the console {exported.Length} characters; missing there: {(missing.Count == 0 ? "nothing" : string.Join(", ", missing))}");
        var isRight = isBilledOnce && health.Status == HealthStatus.Healthy && missing.Count == 0;
        Console.WriteLine(isRight ? "PASS" : "FAIL");
        return isRight ? 0 : 1;
    }

    public void Dispose()
    {
        _receiver.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<List<int>> ReadAsync(Broker broker)
    {
        using var patience = new CancellationTokenSource(s_patience);
        await using (var dead = broker.CreateConsumer(Topics.DeadOrders).Build())
            await foreach (var letter in dead.ReadAllAsync(patience.Token))
                break;
        var numbers = new List<int>();
        await using var consumer = broker.CreateConsumer(Topics.Invoices).Build();
        await foreach (var invoice in consumer.ReadAllAsync(patience.Token))
        {
            numbers.Add(invoice.Value.Order);
            if (numbers.Count == Orders)
                break;
        }
        return numbers;
    }
}
